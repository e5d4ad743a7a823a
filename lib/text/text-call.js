// One caller's texts on their way: its rows as they come in, and what the jobs took that had them.
'use strict';
const { timingsOf } = require('../call');
const { nowMs } = require('../core');

/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('../index').TensorData} TensorData */
/** @typedef {import('../index').Timings} Timings */
/** @typedef {import('./equal-texts').Texts} Texts */
/** @typedef {{ rows: Tensor, timings: Timings }} Rows of texts, in their order */

class TextCall {
  isOver = false;
  /** @type {Tensor|undefined} */
  rows = undefined;
  #started = nowMs();
  /** @type {number|undefined} when the first of its jobs was begun, as far as its timings tell */
  #begun;
  #spent = { switch: 0, upload: 0, compute: 0, readback: 0 };

  /**
   * @param {Texts} texts
   * @param {number} deadline ms, Infinity for none
   */
  constructor(texts, deadline) {
    this.texts = texts;
    this.deadline = deadline;
    this.count = texts.offsets.length - 1;
    /** Texts without a row. */
    this.left = this.count;
    /** What it waits for at the queue. @type {Set<import('./text-job').TextJob>} */
    this.jobs = new Set();
    /** The number that its wait is known by. */
    this.number = 0;
  }

  /**
   * A job that has some of its texts has ended well.
   * @param {Timings} timings
   * @param {number} sent when it was handed over
   */
  spent({ queued, switch: switched, upload, compute, readback }, sent) {
    const begun = sent + queued;
    if (this.#begun === undefined || begun < this.#begun) this.#begun = begun;
    this.#spent.switch += switched;
    this.#spent.upload += upload;
    this.#spent.compute += compute;
    this.#spent.readback += readback;
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
    const { switch: switched, upload, compute, readback } = this.#spent;
    const queued = Math.max(0, (this.#begun ?? this.#started) - this.#started);
    const total = nowMs() - this.#started;
    return {
      rows: /** @type {Tensor} */ (this.rows),
      timings: timingsOf(queued, switched, upload, compute, readback, total),
    };
  }
}

module.exports = { TextCall };
