// Jobs that were given before there was a connection to the coordinator: they wait, and their time runs.
'use strict';
const { nextId, track, settle, isAwaited, unwatch } = require('../../call');
const { GPUError, nowMs } = require('../../core');

const kRetryMs = 1000;

class EarlyJobs {
  /** @type {(() => void)[]} */
  #starts = [];

  get size() {
    return this.#starts.length;
  }

  /**
   * @template Result
   * @param {(left: number) => Promise<Result>} start the job, with so many ms left
   * @param {(error: import('../../core').GPUError) => unknown} failed is told of one that was never started
   * @param {AbortSignal|undefined} signal
   * @param {number} timeout ms, from now
   * @param {string} late that its time is up
   * @param {unknown} kept what the job uses
   * @returns {Promise<Result>}
   */
  wait(start, failed, signal, timeout, late, kept) {
    const began = nowMs();
    const number = nextId();
    let isStarted = false;
    const waited = track(
      number,
      { signal, timeout },
      kept,
      (/** @type {Result} */ result) => result,
      (given) => settle(given, null, undefined), // nobody uses its memory
    );
    this.#starts.push(() => {
      if (!isAwaited(number)) return;
      isStarted = true;
      unwatch(number); // the job itself has both
      const left = timeout === Infinity ? Infinity : Math.max(1, timeout - (nowMs() - began));
      start(left).then(
        (result) => settle(number, null, result),
        (error) => settle(number, error, undefined),
      );
    });
    return waited.catch((error) => {
      if (isStarted) {
        // it was told what was left of the time
        error.message = error.message.replace(/within [\d.]+ ms/, `within ${timeout} ms`);
        throw error;
      }
      if (error.code === 'ERR_TIMEOUT') error.message = `${late}: it waited for the coordinator, or the first context`;
      throw failed(error);
    });
  }

  /** Starts all of them, or lets them fail. */
  startAll() {
    for (const start of this.#starts.splice(0)) start();
  }
}

/**
 * @param {number} limit
 * @returns {GPUError} for one that is not taken
 */
function queueFull(limit) {
  const error = new GPUError(
    'ERR_QUEUE_FULL',
    `the queue is full: ${limit} jobs wait already; try again in ${kRetryMs} ms`,
  );
  error.retryAfter = kRetryMs;
  return error;
}

module.exports = { EarlyJobs, queueFull };
