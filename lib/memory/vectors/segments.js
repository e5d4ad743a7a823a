// What jobs read of an index's segments: the rows' memory, codes that were made of them, and copies that stay where
// jobs run. The table decides which segments there are; here is what JavaScript holds of each.
'use strict';
const os = require('node:os');
const { offLoop } = require('./off-loop');
const { PlacedInputs } = require('./placed-inputs');

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
 * @property {PlacedInputs|undefined} placed copies of the rows, or of their codes
 * @property {boolean} isChecked whether the rows are known to be what was written
 * @property {import('../tiers/copies').Copy|undefined} copy what is said of these
 * @property {boolean} isDown there was no room for copies: until it is used they are not made
 * @property {boolean} isMapped its rows are a file's
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
  const none = { codes: undefined, placed: undefined, copy: undefined };
  return { name, rows, count: 0, ...none, isChecked, isDown: false, isMapped: false, users: 0, isGone: false };
}

class Segments {
  /** @type {Map<number, Held>} */
  #held = new Map();
  #table;
  #owner;
  #dimensions;
  #dtype;
  #isPinned;
  /** What makes copies is to look again. @type {() => void} */
  onWanted = () => {};

  /**
   * @param {Table} table
   * @param {Owner} owner
   * @param {number} dimensions
   * @param {IndexDType} dtype
   * @param {boolean} [isPinned] copies stay
   */
  constructor(table, owner, dimensions, dtype, isPinned = false) {
    this.#isPinned = isPinned;
    this.#table = table;
    this.#owner = owner;
    this.#dimensions = dimensions;
    this.#dtype = dtype;
  }

  /** Bytes of the rows' memory. */
  get rowBytes() {
    return this.#dimensions * Float32Array.BYTES_PER_ELEMENT;
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
   * @param {boolean} [isMapped] whether they are a file's
   */
  adopt(name, rows, isChecked, isMapped = false) {
    this.#held.set(name, { ...heldOf(name, rows, isChecked), isMapped });
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
   * The rows of a segment lie in a file now, which was checked, and it has another name.
   * @param {number} name
   * @param {number} newName
   * @param {Float32Array} rows
   */
  exchange(name, newName, rows) {
    const before = this.#held.get(name);
    const held = this.#held.get(newName) ?? heldOf(newName, rows, true);
    Object.assign(held, { rows, isMapped: true });
    this.#held.set(newName, held);
    if (!before) return;
    if (before.codes) Object.assign(held, { count: before.count, codes: before.codes });
    if (before.placed && !held.placed) {
      Object.assign(held, { placed: before.placed, count: before.count });
      before.placed = undefined;
      this.#takeDown(before);
      this.#noteCopy(held);
    }
    held.isDown = before.isDown;
    this.drop(name);
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
    if (held.users === 0 && held.isGone) this.#release(held);
  }

  /**
   * Copies of a segment may go when memory is short, until drop().
   * @param {Held} held
   */
  #noteCopy(held) {
    const bytes = this.#bytesOf(held);
    held.copy = {
      bytes,
      isPinned: this.#isPinned,
      letGo: () => {
        held.isDown = true;
        this.#takeDown(held);
        return true;
      },
    };
    this.#owner.tiers.used(held.copy);
  }

  /** @param {Pick<Held, 'count'|'codes'>} held */
  #bytesOf({ count, codes }) {
    if (!codes) return count * this.rowBytes;
    const tensors = /** @type {import('../../index').Tensor[]} */ (Object.values(codes));
    return tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
  }

  /** @param {Held} held its codes and rows stay */
  #takeDown(held) {
    held.placed?.drop();
    if (held.copy) this.#owner.tiers.gone(held.copy);
    held.copy = undefined;
    held.placed = undefined;
  }

  /**
   * The inputs of similarity-search for the first `rows` rows: codes and copies may be of more, which came after the
   * search's snapshot.
   * @param {Held} held
   * @param {number} rows
   * @param {boolean} byRows by float32
   * @returns {{ inputs: Inputs, leave?: () => void }} `leave`: to be called when they are not read any more
   */
  inputsOf(held, rows, byRows) {
    const isWhole = held.count === rows;
    const isCoded = isWhole && held.codes !== undefined && !byRows;
    if (isWhole && held.placed && (isCoded || this.#dtype === 'float32')) {
      if (held.copy) this.#owner.tiers.used(held.copy);
      return held.placed.use();
    }
    if (held.isDown && this.#owner.tiers.mayCopy(this.#isPinned, this.#bytesOf({ count: rows, codes: held.codes }))) {
      held.isDown = false;
      this.onWanted();
    }
    if (isCoded) return { inputs: /** @type {Inputs} */ (held.codes) };
    return { inputs: { base: this.#rowsOf(held, rows) } };
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
    const known = this.#held.get(name);
    if (!this.#owner.places() || known?.placed || known?.isDown) return;
    const held = this.enter(name, true);
    if (!this.#owner.tiers.mayCopy(this.#isPinned, this.#bytesOf({ count: rows, codes: held.codes }), 0)) {
      held.isDown = true;
      this.leave(held);
      return;
    }
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
      held.placed = new PlacedInputs(/** @type {Inputs} */ (placed), copies.splice(0));
      this.#noteCopy(held);
    } finally {
      for (const copy of copies) copy.release();
      this.leave(held);
    }
  }

  /**
   * @param {number} name
   * @returns {{ isCoded: boolean, isPlaced: boolean, isMapped: boolean }}
   */
  stateOf(name) {
    const held = this.#held.get(name);
    const { codes, placed, isMapped = false } = held ?? {};
    return { isCoded: codes !== undefined, isPlaced: placed !== undefined, isMapped };
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
    this.#takeDown(held);
    held.codes = undefined;
  }
}

module.exports = { Segments };
