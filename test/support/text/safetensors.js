// Safetensors files for tests: written here, from nothing of lib/.
'use strict';
const fs = require('node:fs');

const kBytes = { F32: 4, F16: 2, BF16: 2, I64: 8 };

/** Bits of the nearest bfloat16, ties to even. */
function toBfloat16(value) {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0];
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Bits of the nearest float16, ties to even; what is too small or too large for it is not what tests store. */
function toFloat16(value) {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size < 2 ** -14) return sign + Math.round(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  const scaled = (size / 2 ** exponent - 1) * 1024;
  const floor = Math.floor(scaled);
  const up = scaled - floor > 0.5 || (scaled - floor === 0.5 && floor % 2 === 1);
  return sign + (exponent + 15) * 1024 + floor + (up ? 1 : 0);
}

/** A number as a dtype keeps it. */
function rounded(value, dtype) {
  if (dtype === 'BF16') return new Float32Array(Uint32Array.of(toBfloat16(value) << 16).buffer)[0];
  if (dtype !== 'F16') return Math.fround(value);
  const bits = toFloat16(value);
  const exponent = (bits >> 10) & 31;
  const size = exponent ? (1 + (bits & 1023) / 1024) * 2 ** (exponent - 15) : (bits & 1023) * 2 ** -24;
  return bits & 0x8000 ? -size : size;
}

function bytesOf(dtype, data) {
  if (dtype === 'F32') return Buffer.from(Float32Array.from(data).buffer);
  if (dtype === 'I64') return Buffer.from(BigInt64Array.from(data, BigInt).buffer);
  return Buffer.from(Uint16Array.from(data, dtype === 'F16' ? toFloat16 : toBfloat16).buffer);
}

/**
 * The file's bytes. `change` may make another header of the one that is right.
 * @param {Record<string, { shape: number[], data: ArrayLike<number>, dtype?: string }>} tensors
 * @param {(header: object) => object} [change]
 */
function safetensorsBytes(tensors, change = (header) => header) {
  const header = { __metadata__: { format: 'pt' } };
  const parts = [];
  let at = 0;
  for (const [name, { shape, data, dtype = 'F32' }] of Object.entries(tensors)) {
    const bytes = bytesOf(dtype, data);
    if (bytes.length !== shape.reduce((a, b) => a * b, 1) * kBytes[dtype]) throw new Error(`${name}: ${shape}`);
    header[name] = { dtype, shape, data_offsets: [at, (at += bytes.length)] };
    parts.push(bytes);
  }
  const text = Buffer.from(JSON.stringify(change(header)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

function writeSafetensors(file, tensors, change) {
  fs.writeFileSync(file, safetensorsBytes(tensors, change));
}

module.exports = { safetensorsBytes, writeSafetensors, rounded };
