// A call whose rows come by jobs that other calls have parts in, too: what it waits for, what that took, and how it
// ends.
'use strict';
const { GPUError, detailsOf, nowMs } = require('../core');
const { settle } = require('./pending');
const { timingsOf } = require('./result');

/** @typedef {import('../index').Timings} Timings */

/** A job of several calls. Those that extend it say who waits for it. */
class JointJob {
  #abort = new AbortController();
  #tellEnded = () => {};
  isAborted = false;

  constructor() {
    /** Resolves when nothing uses its memory any more. @type {Promise<void>} */
    this.ended = new Promise((resolve) => {
      this.#tellEnded = resolve;
    });
  }

  get signal() {
    return this.#abort.signal;
  }

  /** Whether somebody still waits for it. @returns {boolean} */
  get isWanted() {
    throw new GPUError('ERR_INTERNAL', 'a job of several calls must say whether one waits for it');
  }

  abort() {
    this.isAborted = true;
    this.#abort.abort();
  }

  tellEnded() {
    this.#tellEnded();
  }
}

/** @template {JointJob} Job */
class JointCall {
  isOver = false;
  /** The number that its wait is known by. */
  number = 0;
  /** What it waits for. @type {Set<Job>} */
  jobs = new Set();
  #started = nowMs();
  /** @type {number|undefined} when the first of its jobs was begun, as far as its timings tell */
  #begun;
  #spent = { switch: 0, upload: 0, compute: 0, readback: 0 };

  /**
   * A job that has a part of it has ended well.
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

  /** Of all its jobs, once nothing is left. @returns {Timings} */
  timings() {
    const { switch: switched, upload, compute, readback } = this.#spent;
    const queued = Math.max(0, (this.#begun ?? this.#started) - this.#started);
    return timingsOf(queued, switched, upload, compute, readback, nowMs() - this.#started);
  }

  /**
   * Settles it. An error stops the jobs that nobody else needs.
   * @param {GPUError|null} error
   * @param {unknown} result
   */
  end(error, result) {
    this.isOver = true;
    settle(this.number, error, result);
    if (error) this.#letGo();
  }

  /**
   * Its caller waits no longer: its memory is its own again once what was stopped has ended.
   * @returns {Promise<void>}
   */
  async giveUp() {
    this.isOver = true;
    await Promise.all(this.#letGo());
    settle(this.number, null, undefined);
  }

  /** @returns {Promise<void>[]} the ends of what was stopped */
  #letGo() {
    const ends = [];
    for (const job of this.jobs) {
      if (job.isWanted || job.isAborted) continue;
      ends.push(job.ended);
      job.abort();
    }
    this.jobs.clear();
    return ends;
  }
}

/**
 * An error for one caller of several.
 * @param {GPUError} error
 */
function ownError(error) {
  const own = new GPUError(error.code, error.message, { cause: error });
  own.released = error.released;
  return Object.assign(own, detailsOf(error));
}

module.exports = { JointCall, JointJob, ownError };
