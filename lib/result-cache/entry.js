// A kept result: its outputs one behind the other, and where they were made. As bytes it has a checksum, and is packed
// where that pays: what comes back from a disk or a Redis may be anything.
'use strict';
const { createHash } = require('node:crypto');
const { promisify } = require('node:util');
const zlib = require('node:zlib');

/**
 * @typedef {object} Entry
 * @property {{ name: string, dtype: import('../index').DType, shape: number[] }[]} outputs
 * @property {Uint8Array} data of all of them, each at a multiple of 8
 * @property {Made} made
 */
/**
 * Where it was made, and what that has cost.
 * @typedef {object} Made
 * @property {string} contextId
 * @property {import('../index').Backend} contextType
 * @property {string} device
 * @property {string} deviceName
 * @property {number} workerId
 * @property {number} cost
 */

const gzip = promisify(zlib.gzip);
const gunzip = promisify(zlib.gunzip);
const kMagic = Buffer.from('SYRES1');
const kPacked = 1;
const kHead = kMagic.length + 2 + 32; // magic, flags, a spare byte, a SHA-256 of what follows
const kPackBytes = 4096; // smaller ones are not worth it
const kWorth = 0.9; // of its size at most, or it stays as it is
const kMostHeader = 2 ** 20;

/** @param {Uint8Array} bytes */
const digest = (bytes) => createHash('sha256').update(bytes).digest();

/**
 * @param {Entry} entry
 * @returns {Promise<Buffer>}
 */
async function encodeEntry({ outputs, data, made }) {
  const header = Buffer.from(JSON.stringify({ outputs, made }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  let body = Buffer.concat([length, header, data]);
  let flags = 0;
  if (body.length >= kPackBytes) {
    const packed = await gzip(body, { level: 1 });
    if (packed.length <= kWorth * body.length) {
      body = packed;
      flags = kPacked;
    }
  }
  return Buffer.concat([kMagic, Buffer.of(flags, 0), digest(body), body]);
}

/**
 * @param {Buffer} bytes
 * @param {number} most bytes that it may have unpacked
 * @returns {Promise<Entry|undefined>} undefined: that is no such entry, or it is damaged
 */
async function decodeEntry(bytes, most) {
  if (bytes.length < kHead + 4 || !bytes.subarray(0, kMagic.length).equals(kMagic)) return undefined;
  let body = bytes.subarray(kHead);
  if (!digest(body).equals(bytes.subarray(kHead - 32, kHead))) return undefined;
  try {
    if (bytes[kMagic.length] & kPacked) body = await gunzip(body, { maxOutputLength: most + kMostHeader + 4 });
    const size = body.readUInt32LE(0);
    if (size > kMostHeader || 4 + size > body.length) return undefined;
    const { outputs, made } = JSON.parse(body.toString('utf8', 4, 4 + size));
    return { outputs, made, data: Uint8Array.prototype.slice.call(body, 4 + size) };
  } catch {
    return undefined; // its checksum is right, so somebody else has written it
  }
}

module.exports = { encodeEntry, decodeEntry };
