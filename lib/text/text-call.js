// One caller's texts on their way: its rows as they come in, and what the jobs took that had them.
'use strict';
const { JointCall } = require('../call');

/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('../index').TensorData} TensorData */
/** @typedef {import('../index').Timings} Timings */
/** @typedef {import('./equal-texts').Texts} Texts */
/** @typedef {{ rows: Tensor, timings: Timings }} Rows of texts, in their order */

/** @augments {JointCall<import('./text-job').TextJob>} */
class TextCall extends JointCall {
  /** @type {Tensor|undefined} */
  rows = undefined;

  /**
   * @param {Texts} texts
   * @param {number} deadline ms, Infinity for none
   * @param {import('../index').Account} [account]
   */
  constructor(texts, deadline, account) {
    super();
    this.account = account;
    this.texts = texts;
    this.deadline = deadline;
    this.count = texts.offsets.length - 1;
    /** Texts without a row. */
    this.left = this.count;
  }

  /**
   * Rows of texts that follow each other.
   * @param {number} first
   * @param {number} count
   * @param {Tensor} rows a job's
   * @param {number} from the first of them there
   * @param {boolean} isFree whether `rows` itself may become this call's own
   * @returns {boolean} whether it has
   */
  take(first, count, rows, from, isFree) {
    const [n, width] = rows.shape;
    this.left -= count;
    if (isFree && count === this.count && count === n) {
      this.rows = rows;
      return true;
    }
    if (!this.rows) {
      const Array = /** @type {new (length: number) => TensorData} */ (rows.data.constructor);
      this.rows = { data: new Array(this.count * width), shape: [this.count, width], dtype: rows.dtype };
    }
    /** @type {Float32Array} */ (this.rows.data).set(
      /** @type {Float32Array} */ (rows.data).subarray(from * width, (from + count) * width),
      first * width,
    );
    return false;
  }

  /** @returns {Rows} once nothing is left */
  result() {
    return { rows: /** @type {Tensor} */ (this.rows), timings: this.timings() };
  }
}

module.exports = { TextCall };
