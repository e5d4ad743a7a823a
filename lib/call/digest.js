// What makes two jobs equal: a SHA-256 over everything that decides their outputs. A full digest, so that no answer is
// another job's.
'use strict';
const { createHash } = require('node:crypto');
const { setImmediate } = require('node:timers/promises');
const { SharedTensor } = require('./shared-tensor');

/** @typedef {import('node:crypto').Hash} Hash */

const kChunkBytes = 256 << 10; // hashed in a turn of the event loop: a fraction of a millisecond

/**
 * Four numbers of 52 bits each.
 * @param {import('./describe').AnyCall} call its inputs don't change until the job has settled
 * @param {string|undefined} contextType devices differ in the last bits, and whoever asked for one gets its answer
 * @returns {number[]|Promise<number[]>} a promise where there is more to hash than the event loop should wait for: the
 *   call is to be kept then
 */
function digestOf(call, contextType) {
  const { what, numbers, inputs } = call.identity();
  const names = []; // of memory that nobody can change any more; 0: the contents are hashed
  const contents = [];
  let bytes = 0;
  for (const { value, memory } of inputs) {
    if (value instanceof SharedTensor && value.sealed) {
      names.push(value.handle);
      continue;
    }
    const data = /** @type {import('../index').TensorData} */ (memory);
    names.push(0);
    contents.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    bytes += data.byteLength;
  }
  const hash = createHash('sha256').update(JSON.stringify([contextType, what, numbers.length, names]));
  hash.update(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  if (bytes > kChunkBytes) return digestSlowly(hash, contents);
  for (const each of contents) hash.update(each);
  return numbersOf(hash);
}

/**
 * @param {Hash} hash
 * @param {Uint8Array[]} contents
 */
async function digestSlowly(hash, contents) {
  let room = kChunkBytes;
  for (const each of contents)
    for (let at = 0; at < each.length;) {
      if (room === 0) {
        await setImmediate();
        room = kChunkBytes;
      }
      const end = Math.min(each.length, at + room);
      hash.update(each.subarray(at, end));
      room -= end - at;
      at = end;
    }
  return numbersOf(hash);
}

/**
 * Of a part of a job whose digest is known: parts of equal jobs that are cut alike are equal.
 * @param {readonly number[]} digest
 * @param {readonly number[]} cut which part it is
 */
function digestOfPart(digest, cut) {
  return numbersOf(createHash('sha256').update(JSON.stringify([digest, cut])));
}

/** @param {Hash} hash */
function numbersOf(hash) {
  const digest = hash.digest();
  const numbers = [0, 0, 0, 0];
  for (let i = 0; i < 4; ++i) numbers[i] = digest.readUIntBE(i * 6, 6) * 16 + (digest[24 + i] >> 4);
  return numbers;
}

module.exports = { digestOf, digestOfPart };
