// What jobs read of an index's segments: the rows' memory, codes that were made of them, and copies that stay where
// jobs run. The table decides which segments there are; here is what JavaScript holds of each.
'use strict';
const os = require('node:os');
const { offLoop } = require('./off-loop');

/** @typedef {import('./owner').Owner} Owner */
/** @typedef {import('./owner').Placed} Placed */
/** @typedef {import('../../addon/vector-calls').NativeVectorTable} Table */
/** @typedef {import('../../index').IndexDType} IndexDType */
/** @typedef {{ base: unknown, scales?: unknown }} Inputs of similarity-search */
/**
 * @typedef {object} Held
 * @property {number} name
 * @property {Float32Array} rows the whole memory, whose end may not be written yet
 * @property {number} count of rows that codes and copies are of
 * @property {Inputs|undefined} codes
 * @property {Inputs|undefined} placed the rows, or their codes
 * @property {Placed[]} copies
 * @property {boolean} isChecked whether the rows are known to be what was written
 * @property {number} users that have it: searches, and what makes codes and copies
 * @property {boolean} isGone
 */

/** @typedef {{ name: number, rows: number, leastLength: number, mostLength: number }} Sealed a segment */

// Rows of such lengths have codes whose bound holds: nothing of them over- or underflows. Of float16 see kHalf.
const kLeastLength = 1e-15;
const kMostLength = 1e15;
const kHalfLeast = 2 ** -14; // of one element at least, where the length is so large times sqrt(d)
const kHalfMost = 60000;

const kThreads = os.availableParallelism?.() ?? os.cpus().length;
const kCheckedBytes = 8 << 20; // of rows by one thread at least

/**
 * @param {number} name
 * @param {Float32Array} rows
 * @param {boolean} isChecked
 * @returns {Held}
 */
function heldOf(name, rows, isChecked) {
  return { name, rows, count: 0, codes: undefined, placed: undefined, copies: [], isChecked, users: 0, isGone: false };
}

class Segments {
  /** @type {Map<number, Held>} */
  #held = new Map();
  #table;
  #owner;
  #dimensions;
  #dtype;

  /**
   * @param {Table} table
   * @param {Owner} owner
   * @param {number} dimensions
   * @param {IndexDType} dtype
   */
  constructor(table, owner, dimensions, dtype) {
    this.#table = table;
    this.#owner = owner;
    this.#dimensions = dimensions;
    this.#dtype = dtype;
  }

  /**
   * @param {number} name
   * @param {boolean} isSealed
   * @returns {Held}
   */
  #get(name, isSealed) {
    let held = this.#held.get(name);
    if (held) return held;
    const lent = this.#table.rowsOf(name);
    if (!lent) throw new TypeError(`segment ${name} is not there`);
    const [buffer, isMemory] = lent;
    held = heldOf(name, new Float32Array(buffer, 0, Math.floor(buffer.byteLength / 4)), true);
    // A copy is of the rows that there were.
    if (isMemory || isSealed) this.#held.set(name, held);
    return held;
  }

  /**
   * Rows that were stored.
   * @param {number} name
   * @param {Float32Array} rows
   * @param {boolean} isChecked whether they are known to be what was written
   */
  adopt(name, rows, isChecked) {
    this.#held.set(name, heldOf(name, rows, isChecked));
  }

  /**
   * Before a job reads the rows: that they are what was written, as far as nobody has looked. On all threads at once,
   * since whoever waits for it waits for nothing else.
   * @param {Held} held
   * @returns {Promise<void>}
   * @throws {import('../../core').GPUError} (rejects with) ERR_DAMAGED, which names the file and the place
   */
  async check(held) {
    if (held.isChecked) return;
    const rows = held.rows.length / this.#dimensions;
    const pieces = Math.max(1, Math.min(kThreads, Math.floor(held.rows.byteLength / kCheckedBytes)));
    const from = (/** @type {number} */ piece) => Math.floor((rows * piece) / pieces);
    const checks = Array.from({ length: pieces }, (_, i) =>
      offLoop((id) => this.#table.checkRows(id, held.name, from(i), from(i + 1))),
    );
    const failed = (await Promise.allSettled(checks)).find(({ status }) => status === 'rejected');
    if (failed) throw /** @type {PromiseRejectedResult} */ (failed).reason;
    held.isChecked = true;
  }

  /**
   * For whoever has seen the segment, until leave().
   * @param {number} name
   * @param {boolean} isSealed
   */
  enter(name, isSealed) {
    const held = this.#get(name, isSealed);
    held.users += 1;
    return held;
  }

  /** @param {Held} held */
  leave(held) {
    held.users -= 1;
    if (held.isGone && held.users === 0) this.#release(held);
  }

  /**
   * The inputs of similarity-search for the first `rows` rows: codes and copies may be of more, which came after the
   * search's snapshot.
   * @param {Held} held
   * @param {number} rows
   * @param {boolean} byRows by float32
   * @returns {Inputs}
   */
  inputsOf(held, rows, byRows) {
    const isWhole = held.count === rows;
    const isCoded = isWhole && held.codes !== undefined && !byRows;
    if (isWhole && held.placed && (isCoded || this.#dtype === 'float32')) return held.placed;
    if (isCoded) return /** @type {Inputs} */ (held.codes);
    return { base: this.#rowsOf(held, rows) };
  }

  /**
   * @param {Held} held
   * @param {number} rows
   * @returns {import('../../index').Tensor}
   */
  #rowsOf(held, rows) {
    const d = this.#dimensions;
    return { data: held.rows.subarray(0, rows * d), shape: [rows, d], dtype: 'float32' };
  }

  /**
   * @param {number} least the length of the shortest row that is not zeros
   * @param {number} most of the longest
   */
  #canCode(least, most) {
    if (this.#dtype === 'float32' || most === 0) return false;
    if (least < kLeastLength || most > kMostLength) return false;
    return this.#dtype !== 'float16' || (least >= kHalfLeast * Math.sqrt(this.#dimensions) && most <= kHalfMost);
  }

  /**
   * Makes a sealed segment's codes, where it can have some and has none.
   * @param {Sealed} segment
   */
  async code({ name, rows, leastLength, mostLength }) {
    if (this.#held.get(name)?.codes || !this.#canCode(leastLength, mostLength)) return;
    const held = this.enter(name, true);
    try {
      await this.check(held);
      const input = this.#rowsOf(held, rows);
      const workload =
        this.#dtype === 'int8'
          ? { type: 'quantize', inputs: { input } }
          : { type: 'cast', inputs: { input }, params: { dtype: this.#dtype } };
      const { outputs } = await this.#owner.run(workload, {});
      held.count = rows;
      held.codes = { base: outputs.output, ...(outputs.scales && { scales: outputs.scales }) };
    } finally {
      this.leave(held);
    }
  }

  /**
   * Puts what is searched of a sealed segment where jobs run: all of it or nothing.
   * @param {Sealed} segment
   */
  async place({ name, rows }) {
    if (!this.#owner.places() || this.#held.get(name)?.placed) return;
    const held = this.enter(name, true);
    /** @type {Placed[]} */
    const copies = [];
    try {
      const wanted = held.codes ?? (this.#dtype === 'float32' ? { base: this.#rowsOf(held, rows) } : undefined);
      if (!wanted) return;
      await this.check(held);
      /** @type {Record<string, unknown>} */
      const placed = {};
      for (const [input, tensor] of Object.entries(wanted)) {
        copies.push(await this.#owner.place(/** @type {import('../../index').Tensor} */ (tensor)));
        placed[input] = copies[copies.length - 1].input;
      }
      held.count = rows;
      held.copies = copies.splice(0);
      held.placed = /** @type {Inputs} */ (placed);
    } finally {
      for (const copy of copies) copy.release();
      this.leave(held);
    }
  }

  /**
   * @param {number} name
   * @returns {{ isCoded: boolean, isPlaced: boolean }}
   */
  stateOf(name) {
    const held = this.#held.get(name);
    return { isCoded: held?.codes !== undefined, isPlaced: held?.placed !== undefined };
  }

  /**
   * Lets go of all but these, as soon as nobody has them.
   * @param {ReadonlySet<number>} names
   */
  keep(names) {
    for (const name of this.#held.keys()) if (!names.has(name)) this.drop(name);
  }

  /**
   * Lets go of one, as soon as nobody has it.
   * @param {number} name
   */
  drop(name) {
    const held = this.#held.get(name);
    if (!held) return;
    this.#held.delete(name);
    held.isGone = true;
    if (held.users === 0) this.#release(held);
  }

  /** @param {Held} held */
  #release(held) {
    for (const copy of held.copies.splice(0)) copy.release();
    held.placed = undefined;
    held.codes = undefined;
  }
}

module.exports = { Segments };
