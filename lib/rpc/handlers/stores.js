// store_put, store_get, store_delete, store_list.
'use strict';
const { isUtf8 } = require('node:buffer');
const { invalid, show } = require('../../core');
const { given } = require('./jobs');

/** @typedef {import('../methods').Handler} Handler */
/** @typedef {import('../../index').Tensor} Tensor */

/**
 * The bytes of a value: a text, base64, or a tensor of bytes.
 * @param {string|Tensor} value
 * @param {'utf8'|'base64'|undefined} encoding
 * @returns {Uint8Array}
 */
function bytesOf(value, encoding) {
  if (typeof value !== 'string') {
    if (value.dtype !== 'uint8' || encoding !== undefined)
      throw invalid(
        encoding === undefined
          ? `value is a tensor of ${value.dtype}, but bytes are uint8`
          : `encoding is ${show(encoding)}, but value is a tensor: it has none`,
        encoding === undefined ? 'value' : 'encoding',
      );
    const { data } = value;
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  if (encoding !== 'base64') return Buffer.from(value);
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value) throw invalid('value is not base64 with its padding', 'value');
  return bytes;
}

/** @type {Handler} */
async function put({ objects }, { key, value, encoding, ttl, durable }) {
  const bytes = bytesOf(value, encoding);
  await objects.use((store) => store.put(key, bytes, given({ ttl, durable })));
  return { bytes: bytes.length };
}

/** @type {Handler} */
async function get({ objects }, { key, encoding = 'utf8' }) {
  const bytes = await objects.use((store) => store.get(key));
  if (bytes === undefined) return { found: false };
  if (encoding === 'base64') return { found: true, value: bytes.toString('base64') };
  if (encoding === 'bytes') {
    const data = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    return { found: true, value: { data, shape: [data.length], dtype: 'uint8' } };
  }
  if (!isUtf8(bytes)) throw invalid("the value is no text: ask for the encoding 'base64' or 'bytes'", 'encoding');
  return { found: true, value: bytes.toString() };
}

/** @type {Handler} */
async function remove({ objects }, { key }) {
  return { deleted: await objects.use((store) => store.delete(key)) };
}

/** @type {Handler} */
async function list({ objects }, { prefix, limit, after }) {
  return { keys: await objects.use((store) => store.list(given({ prefix, limit, after }))) };
}

module.exports = { put, get, remove, list };
