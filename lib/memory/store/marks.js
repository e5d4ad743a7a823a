// Which writes of which process were done, so that one that is asked for again, since its answer was lost with a
// process, is done once. A process numbers its writes; which ones it has the answers of it says with each, so that no
// more is kept than those that are under way.
'use strict';
const { GPUError } = require('../../core');

/**
 * `from`: a process's own 16 hexadecimal digits; `number`: of the write, from 1; `floor`: it has the answers to all
 * with lower ones.
 * @typedef {{ from: string, number: number, floor: number }} Mark
 */
/** @typedef {{ floor: number, results: Map<number, number> }} Requester */
/** @typedef {[from: string, floor: number, results: [number: number, result: number][]][]} Dump */

/** What a record with a mark says; beside those of src/vectors/packed.h. */
const kinds = {
  done: 4, // the write that it stands in front of, or has come before it
  put: 5, // of the key behind it: it comes next
  delete: 6,
  refused: 7, // the put or delete of that key
};
const kBytes = 32;
const kMostRequesters = 1024; // that are remembered: four times as many as a cluster has processes
const kFrom = /^[0-9a-f]{16}$/;

class Marks {
  /** @type {Map<string, Requester>} the one that has written last is the last */
  #requesters = new Map();
  /** @type {Map<string, Promise<number>>} under way */
  #underWay = new Map();

  /**
   * @param {unknown} [dump] of dump(), as a checkpoint has it
   * @throws {GPUError} ERR_DAMAGED: it is none
   */
  constructor(dump) {
    if (dump === undefined) return;
    if (!isDump(dump))
      throw new GPUError('ERR_DAMAGED', 'what a checkpoint has of the writes that were done is no list');
    for (const [from, floor, results] of dump) this.#requesters.set(from, { floor, results: new Map(results) });
  }

  /**
   * A write, unless it was done: then its result.
   * @param {Mark|undefined} mark undefined: whoever asks does not outlive this process
   * @param {() => Promise<number>} write which calls note()
   * @returns {Promise<number>}
   */
  once(mark, write) {
    if (!mark) return write();
    const key = `${mark.from}:${mark.number}`;
    const same = this.#underWay.get(key) ?? this.#find(mark);
    if (same !== undefined) return Promise.resolve(same);
    const running = write().finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, running);
    return running;
  }

  /** @param {Mark} mark */
  #find({ from, number }) {
    const requester = this.#requesters.get(from);
    if (!requester) return undefined;
    return requester.results.get(number) ?? (number < requester.floor ? 0 : undefined);
  }

  /**
   * It was done.
   * @param {Mark} mark
   * @param {number} result
   */
  note({ from, number, floor }, result) {
    const requester = this.#requesters.get(from) ?? { floor: 0, results: new Map() };
    this.#requesters.delete(from);
    this.#requesters.set(from, requester);
    if (this.#requesters.size > kMostRequesters)
      this.#requesters.delete(/** @type {string} */ (this.#requesters.keys().next().value));
    if (!requester.results.has(number)) requester.results.set(number, result);
    if (floor <= requester.floor) return;
    requester.floor = floor;
    for (const each of requester.results.keys()) if (each < floor) requester.results.delete(each);
  }

  /** @returns {Dump} */
  dump() {
    return [...this.#requesters].map(([from, { floor, results }]) => [from, floor, [...results]]);
  }
}

/**
 * @param {unknown} value
 * @returns {value is Dump}
 */
function isDump(value) {
  const isCount = (/** @type {unknown} */ each) => Number.isSafeInteger(each) && Number(each) >= 0;
  const isPair = (/** @type {unknown} */ each) => Array.isArray(each) && each.length === 2 && each.every(isCount);
  return (
    Array.isArray(value) &&
    value.every(
      (each) =>
        Array.isArray(each) &&
        typeof each[0] === 'string' &&
        isCount(each[1]) &&
        Array.isArray(each[2]) &&
        each[2].every(isPair),
    )
  );
}

/**
 * What stands in front of a write's record.
 * @param {Mark} mark
 * @param {number} result
 * @param {number} [kind]
 * @returns {Uint8Array}
 */
function packMark({ from, number, floor }, result, kind = kinds.done) {
  const bytes = Buffer.alloc(kBytes);
  bytes.writeUInt32LE(kind, 0);
  bytes.writeUInt32LE(result, 4);
  bytes.write(from, 8, 'hex');
  bytes.writeBigUInt64LE(BigInt(number), 16);
  bytes.writeBigUInt64LE(BigInt(floor), 24);
  return bytes;
}

/**
 * @param {Uint8Array} bytes a record
 * @param {number} [kind]
 * @returns {{ mark: Mark, result: number, rest: Uint8Array }|undefined} undefined: it has none of that kind
 */
function unpackMark(bytes, kind = kinds.done) {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < kBytes || view.readUInt32LE(0) !== kind) return undefined;
  const mark = {
    from: view.toString('hex', 8, 16),
    number: Number(view.readBigUInt64LE(16)),
    floor: Number(view.readBigUInt64LE(24)),
  };
  return { mark, result: view.readUInt32LE(4), rest: bytes.subarray(kBytes) };
}

/**
 * @param {unknown} value what came from another process
 * @returns {Mark|undefined} undefined: it is none
 */
function readMark(value) {
  const { from, number, floor } = /** @type {Partial<Mark>} */ (value ?? {});
  const isMark =
    typeof from === 'string' &&
    kFrom.test(from) &&
    [number, floor].every((each) => Number.isSafeInteger(each) && Number(each) >= 0);
  return isMark ? { from, number: Number(number), floor: Number(floor) } : undefined;
}

module.exports = { Marks, packMark, unpackMark, readMark, kinds };
