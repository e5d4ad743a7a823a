// Writes and reads a file of float32 tensors as safetensors: eight bytes with the header's length, the header as JSON,
// the elements.
'use strict';
const fs = require('node:fs');

const asBytes = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength);

/** @param {string} file @param {Map<string, { shape: number[], data: Float32Array }>} tensors */
function writeTensors(file, tensors) {
  const header = {};
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8)); // so that the elements are aligned
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const out = fs.openSync(file, 'w');
  for (const part of [length, padded, ...[...tensors.values()].map(({ data }) => asBytes(data))]) {
    for (let done = 0; done < part.length;) done += fs.writeSync(out, part, done);
  }
  fs.closeSync(out);
}

/** @param {string} file @returns {Map<string, { shape: number[], data: Float32Array }>} */
function readTensors(file) {
  const bytes = fs.readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, start).toString());
  const tensors = new Map();
  for (const [
    name,
    {
      shape,
      data_offsets: [from, to],
    },
  ] of Object.entries(header)) {
    const own = new Uint8Array(to - from); // aligned, whatever the header's length is
    own.set(bytes.subarray(start + from, start + to));
    tensors.set(name, { shape, data: new Float32Array(own.buffer) });
  }
  return tensors;
}

module.exports = { writeTensors, readTensors };
