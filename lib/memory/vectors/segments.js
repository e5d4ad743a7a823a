// What jobs read of an index's segments: the rows' memory, codes that were made of them, and copies that stay where
// jobs run. The table decides which segments there are; here is what JavaScript holds of each.
'use strict';

/** @typedef {import('./owner').Owner} Owner */
/** @typedef {import('./owner').Placed} Placed */
/** @typedef {import('../../addon/vector-calls').NativeVectorTable} Table */
/** @typedef {import('../../index').IndexDType} IndexDType */
/** @typedef {{ base: unknown, scales?: unknown }} Inputs of similarity-search */
/**
 * @typedef {object} Held
 * @property {number} name
 * @property {Float32Array} rows the whole memory, whose end may not be written yet
 * @property {Inputs|undefined} codes of all rows
 * @property {Inputs|undefined} placed of all rows, or their codes
 * @property {Placed[]} copies
 * @property {number} users searches that have it
 * @property {boolean} isGone
 */

// Rows of such lengths have codes whose bound holds: nothing of them over- or underflows. Of float16 see kHalf.
const kLeastLength = 1e-15;
const kMostLength = 1e15;
const kHalfLeast = 2 ** -14; // of one element at least, where the length is so large times sqrt(d)
const kHalfMost = 60000;

/**
 * @param {number} name
 * @param {Float32Array} rows
 * @returns {Held}
 */
function heldOf(name, rows) {
  return { name, rows, codes: undefined, placed: undefined, copies: [], users: 0, isGone: false };
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
    held = heldOf(name, new Float32Array(buffer, 0, Math.floor(buffer.byteLength / 4)));
    // A copy is of the rows that there were.
    if (isMemory || isSealed) this.#held.set(name, held);
    return held;
  }

  /**
   * Rows that were stored.
   * @param {number} name
   * @param {Float32Array} rows
   */
  adopt(name, rows) {
    this.#held.set(name, heldOf(name, rows));
  }

  /**
   * For a search that has seen the segment, until leave().
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
   * The inputs of similarity-search for the first `rows` rows.
   * @param {Held} held
   * @param {number} rows
   * @param {boolean} byRows by float32
   * @returns {Inputs}
   */
  inputsOf(held, rows, byRows) {
    const isCoded = held.codes !== undefined && !byRows;
    if (held.placed && (isCoded || this.#dtype === 'float32')) return held.placed;
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
   * Makes a sealed segment's codes, and puts what is searched where jobs run.
   * @param {{ name: number, rows: number, leastLength: number, mostLength: number }} segment
   */
  async prepare({ name, rows, leastLength, mostLength }) {
    const held = this.#get(name, true);
    if (!held.codes && this.#canCode(leastLength, mostLength)) {
      const input = this.#rowsOf(held, rows);
      const workload =
        this.#dtype === 'int8'
          ? { type: 'quantize', inputs: { input } }
          : { type: 'cast', inputs: { input }, params: { dtype: this.#dtype } };
      const { outputs } = await this.#owner.run(workload, {});
      held.codes = { base: outputs.output, ...(outputs.scales && { scales: outputs.scales }) };
    }
    if (held.placed || held.isGone || !this.#owner.places()) return;
    const wanted = held.codes ?? (this.#dtype === 'float32' ? { base: this.#rowsOf(held, rows) } : undefined);
    if (!wanted) return;
    /** @type {Record<string, unknown>} */
    const placed = {};
    for (const [input, tensor] of Object.entries(wanted)) {
      const copy = await this.#owner.place(/** @type {import('../../index').Tensor} */ (tensor));
      held.copies.push(copy);
      placed[input] = copy.input;
    }
    held.placed = /** @type {Inputs} */ (placed);
    if (held.isGone && held.users === 0) this.#release(held);
  }

  /** @param {number} name */
  isPrepared(name) {
    const held = this.#held.get(name);
    return held !== undefined && (held.codes !== undefined || held.placed !== undefined);
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
   * Lets go of all but these, as soon as no search has them.
   * @param {ReadonlySet<number>} names
   */
  keep(names) {
    for (const [name, held] of this.#held) {
      if (names.has(name)) continue;
      this.#held.delete(name);
      held.isGone = true;
      if (held.users === 0) this.#release(held);
    }
  }

  /** @param {Held} held */
  #release(held) {
    for (const copy of held.copies.splice(0)) copy.release();
    held.placed = undefined;
    held.codes = undefined;
  }
}

module.exports = { Segments };
