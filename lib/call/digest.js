// What makes two jobs equal: a SHA-256 over everything that decides their outputs. A full digest, so that no answer is
// another job's.
'use strict';
const { createHash } = require('node:crypto');
const { setImmediate } = require('node:timers/promises');
const { version } = require('../../package.json');
const { SharedTensor } = require('./shared-tensor');

/** @typedef {import('node:crypto').Hash} Hash */
/** @typedef {import('./shared-tensor').SharedTensor} Shared */

const kChunkBytes = 256 << 10; // hashed in a turn of the event loop: a fraction of a millisecond
const kMostSealed = 256; // sealed tensors whose contents' digest is remembered
const kMostSealedBytes = 2 ** 31; // of a job, beyond which their contents aren't read for it

/**
 * What a job is told apart by. In this cluster sealed memory is told by its place, which nobody can change any more;
 * elsewhere, and in another run, by its contents.
 */
class JobKey {
  #base;
  #sealed;

  /**
   * @param {Buffer} base the digest of all but sealed memory
   * @param {Shared[]} sealed
   */
  constructor(base, sealed) {
    this.#base = base;
    this.#sealed = sealed;
    const places = sealed.map(({ handle }) => handle);
    const digest = places.length ? createHash('sha256').update(base).update(JSON.stringify(places)).digest() : base;
    /** Four numbers of 52 bits each, for messages. */
    this.numbers = numbersOf(digest);
    /** In this cluster. */
    this.text = digest.toString('base64url');
  }

  /**
   * Wherever it is asked for.
   * @returns {string|undefined|Promise<string|undefined>} undefined: too much would have to be read for it
   */
  get name() {
    return this.#sealed.length ? this.#nameOf(this.#sealed) : this.text;
  }

  /** @param {Shared[]} sealed */
  async #nameOf(sealed) {
    if (sealed.reduce((sum, { data }) => sum + data.byteLength, 0) > kMostSealedBytes) return undefined;
    const hash = createHash('sha256').update(this.#base);
    for (const tensor of sealed) hash.update(await contentsOf(tensor));
    return hash.digest('base64url');
  }
}

/** @type {Map<string, Promise<Buffer>>} by place, the latest asked for last */
const contents = new Map();

/**
 * The digest of what a sealed tensor has.
 * @param {Shared} tensor
 * @returns {Promise<Buffer>}
 */
function contentsOf(tensor) {
  const place = JSON.stringify(tensor.handle);
  let digest = contents.get(place);
  contents.delete(place);
  if (!digest) {
    const { data } = tensor;
    const hash = createHash('sha256');
    digest = hashSlowly(hash, [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]).then(() =>
      hash.digest(),
    );
    digest.catch(() => contents.delete(place));
    if (contents.size >= kMostSealed) contents.delete(contents.keys().next().value ?? '');
  }
  contents.set(place, digest);
  return digest;
}

/**
 * @param {import('./describe').AnyCall} call its inputs don't change until the job has settled
 * @param {string|undefined} contextType devices differ in the last bits, and whoever asked for one gets its answer
 * @returns {JobKey|Promise<JobKey>} a promise where there is more to hash than the event loop should wait for: the call
 *   is to be kept then
 */
function keyOf(call, contextType) {
  const { what, numbers, inputs } = call.identity();
  const kinds = []; // 1: memory that nobody can change any more; 0: the contents are hashed
  /** @type {Shared[]} */
  const sealed = [];
  const parts = [];
  let bytes = 0;
  for (const { value, memory } of inputs) {
    const isSealed = value instanceof SharedTensor && value.sealed;
    kinds.push(isSealed ? 1 : 0);
    if (isSealed) {
      sealed.push(value);
      continue;
    }
    const data = /** @type {import('../index').TensorData} */ (memory);
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    bytes += data.byteLength;
  }
  const head = JSON.stringify([version, contextType, what, numbers.length, kinds]);
  const hash = createHash('sha256').update(head);
  hash.update(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  if (bytes > kChunkBytes) return hashSlowly(hash, parts).then(() => new JobKey(hash.digest(), sealed));
  for (const each of parts) hash.update(each);
  return new JobKey(hash.digest(), sealed);
}

/**
 * The key's numbers alone.
 * @param {import('./describe').AnyCall} call
 * @param {string|undefined} contextType
 * @returns {number[]|Promise<number[]>} as keyOf()
 */
function digestOf(call, contextType) {
  const key = keyOf(call, contextType);
  return key instanceof Promise ? key.then(({ numbers }) => numbers) : key.numbers;
}

/**
 * @param {Hash} hash
 * @param {Uint8Array[]} parts
 */
async function hashSlowly(hash, parts) {
  let room = kChunkBytes;
  for (const each of parts)
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
}

/**
 * Of a part of a job whose digest is known: parts of equal jobs that are cut alike are equal.
 * @param {readonly number[]} digest
 * @param {readonly number[]} cut which part it is
 */
function digestOfPart(digest, cut) {
  return numbersOf(
    createHash('sha256')
      .update(JSON.stringify([digest, cut]))
      .digest(),
  );
}

/** @param {Buffer} digest */
function numbersOf(digest) {
  const numbers = [0, 0, 0, 0];
  for (let i = 0; i < 4; ++i) numbers[i] = digest.readUIntBE(i * 6, 6) * 16 + (digest[24 + i] >> 4);
  return numbers;
}

module.exports = { keyOf, digestOf, digestOfPart };
