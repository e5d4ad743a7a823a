// What makes two jobs equal: a SHA-256 over everything that decides their outputs. A full digest, so that no answer is
// another job's.
'use strict';
const { createHash } = require('node:crypto');
const { setImmediate } = require('node:timers/promises');
const { SharedTensor } = require('./shared-tensor');

/** @typedef {import('node:crypto').Hash} Hash */
/** @typedef {import('./encode').Memory} Memory */

const kChunkBytes = 256 << 10; // hashed in a turn of the event loop: a fraction of a millisecond

/**
 * @param {Hash} hash
 * @param {unknown} value an input as its owner wrote it
 * @param {Memory} memory where its elements are
 * @returns {Promise<void>|undefined}
 */
function addContents(hash, value, memory) {
  const isSealed = value instanceof SharedTensor && value.sealed;
  hash.update(isSealed ? 's' : 'b');
  if (isSealed) {
    hash.update(JSON.stringify(value.handle));
    return undefined;
  }
  const data = /** @type {import('../index').TensorData} */ (memory);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length <= kChunkBytes) {
    hash.update(bytes);
    return undefined;
  }
  return addSlowly(hash, bytes);
}

/**
 * @param {Hash} hash
 * @param {Uint8Array} bytes
 */
async function addSlowly(hash, bytes) {
  for (let at = 0; at < bytes.length; at += kChunkBytes) {
    if (at) await setImmediate();
    hash.update(bytes.subarray(at, at + kChunkBytes));
  }
}

/**
 * Four numbers of 52 bits each.
 * @param {import('./describe').AnyCall} call that was kept; its inputs don't change until the job has settled
 * @param {string|undefined} contextType devices differ in the last bits, and whoever asked for one gets its answer
 * @returns {Promise<number[]>}
 */
async function digestOf(call, contextType) {
  const hash = createHash('sha256');
  const { what, numbers, inputs } = call.identity();
  hash.update(JSON.stringify([contextType, what, numbers.length, inputs.length]));
  hash.update(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  for (const { value, memory } of inputs) {
    const slow = addContents(hash, value, memory);
    if (slow) await slow;
  }
  const digest = hash.digest();
  return [0, 1, 2, 3].map((i) => digest.readUIntBE(i * 6, 6) * 16 + (digest[24 + i] >> 4));
}

module.exports = { digestOf };
