// One caller's rows on their way through jobs: what is still to be sent, what has come back, and where that lies.
'use strict';
const { JointCall, JointJob } = require('../../call');
const { nowMs } = require('../../core');
const { arrayOf, shapeOf } = require('./steps');

/** @typedef {import('../../index').Tensor} Tensor */
/** @typedef {import('../../index').TensorData} TensorData */
/** @typedef {import('../../index').Timings} Timings */
/** @typedef {import('./steps').Output} Output */
/** @typedef {{ outputs: Tensor[], timings: Timings }} Made */
/** @typedef {{ call: RowCall, first: number, count: number }} Part rows of a call */

/** @augments {JointCall<RowJob>} */
class RowCall extends JointCall {
  /** Rows that were handed over. */
  sent = 0;
  /** @type {Tensor[]|undefined} */
  #outputs;
  #kinds;

  /**
   * @param {Tensor} rows [n, d]
   * @param {readonly Output[]} kinds
   * @param {import('../../index').Account} [account]
   */
  constructor(rows, kinds, account) {
    super();
    this.account = account;
    this.rows = rows;
    this.#kinds = kinds;
    this.count = rows.shape[0];
    /** Rows without a result. */
    this.left = this.count;
  }

  /**
   * @param {number} first
   * @param {number} count
   * @returns {TensorData} a view
   */
  rowsAt(first, count) {
    const [, d] = this.rows.shape;
    return this.rows.data.subarray(first * d, (first + count) * d);
  }

  /** All of its outputs, which parts of it are written into. */
  get outputs() {
    this.#outputs ??= this.#kinds.map((kind) => ({
      data: arrayOf(kind.dtype, this.count * (kind.width || 1)),
      shape: shapeOf(kind, this.count),
      dtype: kind.dtype,
    }));
    return this.#outputs;
  }

  /**
   * Where a part's outputs go.
   * @param {number} first
   * @param {number} count
   * @returns {Record<string, Tensor>}
   */
  into(first, count) {
    return Object.fromEntries(
      this.#kinds.map((kind, i) => {
        const width = kind.width || 1;
        const data = this.outputs[i].data.subarray(first * width, (first + count) * width);
        return [kind.name, { data, shape: shapeOf(kind, count), dtype: kind.dtype }];
      }),
    );
  }

  /**
   * Outputs of a job: its own memory where it was the only caller, else a part of that.
   * @param {Tensor[]} made
   * @param {number} from row in them
   * @param {Part} part
   */
  take(made, from, { first, count }) {
    this.left -= count;
    if (count === this.count && count === made[0].shape[0]) {
      this.#outputs = made;
      return;
    }
    for (const [i, { data }] of made.entries()) {
      const width = this.#kinds[i].width || 1;
      const own = /** @type {Float32Array} */ (this.outputs[i].data);
      if (data.buffer === own.buffer) continue; // it was written there
      own.set(/** @type {Float32Array} */ (data).subarray(from * width, (from + count) * width), first * width);
    }
  }

  /** @returns {Made} once nothing is left */
  result() {
    return { outputs: this.outputs, timings: this.timings() };
  }
}

/** Rows that go together: a part of one call, or all rows of several. */
class RowJob extends JointJob {
  sentAt = nowMs();

  /** @param {Part[]} parts */
  constructor(parts) {
    super();
    this.parts = parts;
    this.rows = parts.reduce((sum, { count }) => sum + count, 0);
    for (const { call } of parts) call.jobs.add(this);
  }

  get isWanted() {
    return this.parts.some(({ call }) => !call.isOver);
  }

  /**
   * @param {import('./steps').Steps} steps
   * @returns {{ rows: Tensor, into?: Record<string, Tensor> }} of a single part its caller's own memory
   */
  tensors({ width, dtype }) {
    const shape = [this.rows, width];
    const [{ call, first, count }] = this.parts;
    if (this.parts.length === 1) {
      const rows = { data: call.rowsAt(first, count), shape, dtype };
      return count === call.count ? { rows } : { rows, into: call.into(first, count) };
    }
    const data = /** @type {Float32Array} */ (arrayOf(dtype, this.rows * width));
    let at = 0;
    for (const part of this.parts) {
      const rows = /** @type {Float32Array} */ (part.call.rowsAt(part.first, part.count));
      data.set(rows, at);
      at += rows.length;
    }
    return { rows: { data, shape, dtype } };
  }

  /** The same rows as smaller jobs: of several callers each by itself, of one in halves. @returns {Part[][]} */
  smaller() {
    if (this.parts.length > 1) return this.parts.map((part) => [part]);
    const [{ call, first, count }] = this.parts;
    const half = Math.ceil(count / 2);
    return [[{ call, first, count: half }], [{ call, first: first + half, count: count - half }]];
  }
}

module.exports = { RowCall, RowJob };
