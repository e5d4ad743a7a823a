// The binary format of requests and answers: 'SWYD', version, header length, JSON header, tensors. See docs/http.md.
'use strict';
const { badRequest } = require('./http-error');
const { parseJson } = require('./json');

/** @typedef {import('../index').Tensor} Tensor */

const kType = 'application/octet-stream';
const kMagic = 'SWYD';
const kVersion = 1;
const kPrefix = 12;
const kAlign = 8;
const kMaxHeader = 2 ** 20;

/** @param {number} bytes */
function aligned(bytes) {
  return Math.ceil(bytes / kAlign) * kAlign;
}

/**
 * What the first bytes of a frame say: how long its header is, and where its tensors begin.
 * @param {Buffer} bytes kPrefix of them at least
 * @returns {{ length: number, end: number }}
 * @throws {import('./http-error').HttpError} 400: it is no frame
 */
function readPrefix(bytes) {
  if (bytes.toString('latin1', 0, 4) !== kMagic)
    throw badRequest(`the body does not begin with '${kMagic}', as a binary request does`);
  const version = bytes.readUInt32LE(4);
  if (version !== kVersion)
    throw badRequest(
      `the body has version ${version} of the binary format, but this server speaks version ${kVersion}`,
    );
  const length = bytes.readUInt32LE(8);
  if (length > kMaxHeader) throw badRequest(`the header's length is ${length}, but may be at most ${kMaxHeader}`);
  return { length, end: aligned(kPrefix + length) };
}

/**
 * The refusal of a body that ends in its prefix.
 * @param {number} bytes
 */
function tooShort(bytes) {
  return badRequest(
    `the body has ${bytes} bytes, but a binary request begins with ${kPrefix}: 'SWYD', version, header length`,
  );
}

/**
 * @param {Buffer} bytes of the prefix and the header
 * @param {number} length of the header
 */
function readHeader(bytes, length) {
  return parseJson(bytes.subarray(kPrefix, kPrefix + length), 'the header');
}

/**
 * @param {Buffer} bytes whose memory begins at a multiple of 8, as a buffer of its own does
 * @returns {{ header: unknown, section: Uint8Array }} `section`: what stands behind the header
 * @throws {import('./http-error').HttpError} 400: it is no frame
 */
function decodeFrame(bytes) {
  if (bytes.length < kPrefix) throw tooShort(bytes.length);
  const { length, end } = readPrefix(bytes);
  const most = bytes.length - kPrefix;
  if (length > most) throw badRequest(`the header's length is ${length}, but only ${most} bytes follow`);
  return { header: readHeader(bytes, length), section: bytes.subarray(Math.min(end, bytes.length)) };
}

/**
 * @param {object} header gets `[key]: { name: { shape, dtype, offset } }`
 * @param {string} key 'inputs' or 'outputs'
 * @param {Record<string, Tensor>} tensors
 * @returns {Uint8Array[]} pieces that view the tensors' own memory
 */
function encodeFrame(header, key, tensors) {
  /** @type {Record<string, object>} */
  const placed = {};
  /** @type {Uint8Array[]} */
  const pieces = [];
  let offset = 0;
  for (const [name, { data, shape, dtype }] of Object.entries(tensors)) {
    placed[name] = { shape, dtype, offset };
    pieces.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const padding = aligned(data.byteLength) - data.byteLength;
    if (padding) pieces.push(new Uint8Array(padding));
    offset += data.byteLength + padding;
  }
  return [encodeHead({ ...header, [key]: placed }), ...pieces];
}

/** @param {object} header */
function encodeHead(header) {
  const text = JSON.stringify(header);
  const length = Buffer.byteLength(text);
  const head = Buffer.alloc(aligned(kPrefix + length));
  head.write(kMagic, 0, 'latin1');
  head.writeUInt32LE(kVersion, 4);
  head.writeUInt32LE(length, 8);
  head.write(text, kPrefix);
  return head;
}

/**
 * One tensor as PUT /v1/tensors/<name> takes it.
 * @param {Tensor} tensor
 * @returns {Uint8Array[]} pieces that view the tensor's own memory
 */
function encodeTensorFrame({ data, shape, dtype }) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const padding = new Uint8Array(aligned(bytes.length) - bytes.length);
  return [encodeHead({ tensor: { shape, dtype, offset: 0 } }), bytes, padding];
}

module.exports = {
  kType,
  kPrefix,
  kMaxHeader,
  aligned,
  readPrefix,
  readHeader,
  tooShort,
  decodeFrame,
  encodeHead,
  encodeFrame,
  encodeTensorFrame,
};
