// Jobs under way on this thread: who waits for them, and how an abort or a deadline ends the waiting.
'use strict';
const { setImmediate, setTimeout, clearTimeout } = require('node:timers');
const { native, layouts } = require('../addon');
const { GPUError, afterReading, invalid, asGpuError, show } = require('../core');
const { readSettings } = require('../config');

/** @typedef {{ signal?: AbortSignal, timeout?: number }} WaitOptions */

/** @type {Map<number, AwaitedJob>} by the job's number */
const awaited = new Map();

/**
 * The addon's call for everything that has finished: exactly once for each number that was begun.
 * @param {unknown} error
 * @param {unknown} value
 */
function onDone(error, value) {
  settle(scratch[resultId], error, value);
}

/**
 * A job has ended; here for one that the addon does not deliver.
 * @param {number} number
 * @param {unknown} error
 * @param {unknown} value
 */
function settle(number, error, value) {
  const job = awaited.get(number);
  awaited.delete(number);
  if (job) job.finish(error, value);
}

/**
 * Whether somebody waits for its outputs: not so once it was given up.
 * @param {number} number
 */
function isAwaited(number) {
  const job = awaited.get(number);
  return job !== undefined && !job.isGivenUp;
}

/**
 * Its signal and its deadline are somebody else's from now on.
 * @param {number} number
 */
function unwatch(number) {
  awaited.get(number)?.unwatch();
}

/**
 * Gives a job up, as its signal would.
 * @param {number} number
 * @param {GPUError} error what its promise is rejected with
 */
function giveUp(number, error) {
  awaited.get(number)?.giveUp(error);
}

const { scratch, firstId } = native.start(onDone);
/** What stands where in the scratch array. */
const { call: layout } = layouts;
const { callId, callInline, resultId } = layout;
let lastNumber = firstId;
/** @type {number|undefined} that a job has to stop */
let stopMs;

// One listener for each signal however many jobs share it: Node warns of more than ten.
/** @type {WeakMap<AbortSignal, { jobs: Set<AwaitedJob>, onAbort: () => void }>} */
const watched = new WeakMap();

/**
 * @param {AbortSignal} signal
 * @param {AwaitedJob} job
 */
function watchSignal(signal, job) {
  let watch = watched.get(signal);
  if (!watch) {
    const jobs = new Set();
    const onAbort = () => {
      for (const each of jobs) each.giveUp(canceled(signal));
    };
    watched.set(signal, (watch = { jobs, onAbort }));
    signal.addEventListener('abort', onAbort, { once: true });
  }
  watch.jobs.add(job);
}

/**
 * @param {AbortSignal} signal
 * @param {AwaitedJob} job
 */
function unwatchSignal(signal, job) {
  const watch = watched.get(signal);
  if (!watch?.jobs.delete(job) || watch.jobs.size) return;
  watched.delete(signal);
  signal.removeEventListener('abort', watch.onAbort);
}

/**
 * A job and the promise of its outputs. The promise may be rejected ahead of the job's end, by its signal or its
 * deadline: then the job is given up, and only its memory is still waited for.
 */
class AwaitedJob {
  /**
   * @param {number} number
   * @param {unknown} kept what must not be collected while the job runs: large inputs, `into` targets, the context
   * @param {(value: unknown) => unknown} decode makes the result of what the addon hands over
   * @param {(number: number) => void} cancel asks for the job's end; it is settled as ever
   * @param {(value: unknown) => void} resolve
   * @param {(error: GPUError) => void} reject
   */
  constructor(number, kept, decode, cancel, resolve, reject) {
    this.number = number;
    this.kept = kept;
    this.decode = decode;
    this.cancel = cancel;
    this.resolve = resolve;
    this.reject = reject;
    this.isGivenUp = false;
    /** Tells that its memory is no longer in use, of one that was given up. @type {() => void} */
    this.tellReleased = nothing;
    /** @type {AbortSignal|undefined} */
    this.signal = undefined;
    /** @type {() => void} */
    this.endDeadline = nothing;
    /** The time that one that was given up has to stop. @type {NodeJS.Timeout|undefined} */
    this.timer = undefined;
  }

  /** @param {WaitOptions} options */
  watch({ signal, timeout }) {
    if (signal) {
      this.signal = signal;
      watchSignal(signal, this);
    }
    if (timeout !== undefined && timeout !== Infinity) {
      // the job itself keeps the process alive
      this.endDeadline = afterReading(timeout, () =>
        this.giveUp(new GPUError('ERR_TIMEOUT', `the job did not finish within ${timeout} ms`)),
      );
    }
  }

  unwatch() {
    this.endDeadline();
    if (this.signal) unwatchSignal(this.signal, this);
    this.signal = undefined;
  }

  /** @param {GPUError} error */
  giveUp(error) {
    if (this.isGivenUp) return;
    this.isGivenUp = true;
    this.unwatch();
    error.released = new Promise((resolve) => {
      this.tellReleased = () => resolve(undefined);
    });
    this.reject(error);
    this.cancel(this.number);
    // One that never stops does not keep the process alive for ever.
    this.timer = setTimeout(native.letGo, (stopMs ??= readSettings().contextSwitchTimeout), this.number);
    this.timer.unref();
  }

  /**
   * @param {unknown} error
   * @param {unknown} value
   */
  finish(error, value) {
    if (this.isGivenUp) {
      clearTimeout(this.timer);
      this.tellReleased();
      return;
    }
    this.unwatch();
    if (error) {
      this.reject(withReleased(asGpuError(error)));
      return;
    }
    try {
      this.resolve(this.decode(value));
    } catch (failed) {
      this.reject(asGpuError(failed));
    }
  }
}

function nothing() {}

/** @param {GPUError} error of a job whose memory is not in use any more */
function withReleased(error) {
  if (error.code === 'ERR_CANCELED' || error.code === 'ERR_TIMEOUT') error.released ??= Promise.resolve();
  return error;
}

/** @param {AbortSignal} signal */
function canceled(signal) {
  return new GPUError('ERR_CANCELED', 'the job was canceled by its signal', { cause: signal.reason });
}

/** A number for a new job, already where the addon looks for it. */
function nextId() {
  return (scratch[callId] = ++lastNumber);
}

/**
 * The same for a job of this process. It may run inside its call, unless such jobs have held this turn of the event
 * loop for long.
 */
function nextIdHere() {
  scratch[callInline] = spentMs < kMaxTurnMs ? 1 : 0;
  return (scratch[callId] = ++lastNumber);
}

/**
 * Waits for a job that the addon has taken.
 * @template Value, Result
 * @param {number} number
 * @param {WaitOptions|undefined} options
 * @param {unknown} kept what must not be collected while it runs
 * @param {(value: Value) => Result} decode makes the result of what the addon hands over
 * @param {(number: number) => void} [cancel]
 * @returns {Promise<Result>}
 */
function track(number, options, kept, decode, cancel = native.cancel) {
  return new Promise((resolve, reject) => {
    const job = new AwaitedJob(
      number,
      kept,
      /** @type {(value: unknown) => unknown} */ (decode),
      cancel,
      /** @type {(value: unknown) => void} */ (resolve),
      reject,
    );
    awaited.set(number, job);
    if (options) job.watch(options);
  });
}

/**
 * Refuses options that can't be right.
 * @param {{ signal?: unknown, timeout?: unknown }} options
 * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_CANCELED for a signal that is aborted already
 */
function checkWaiting({ signal, timeout }) {
  if (
    timeout !== undefined &&
    timeout !== Infinity &&
    !(typeof timeout === 'number' && timeout > 0 && timeout <= 2 ** 31 - 1)
  )
    throw invalid(
      `timeout is ${show(timeout)}, but must be a number of milliseconds above 0 and at most ${2 ** 31 - 1}, ` +
        `or Infinity for none`,
      'options.timeout',
    );
  if (signal === undefined) return;
  const { aborted, addEventListener } = /** @type {Partial<AbortSignal>} */ (signal ?? {});
  if (typeof signal !== 'object' || typeof aborted !== 'boolean' || typeof addEventListener !== 'function')
    throw invalid(`signal is ${show(signal)}, but must be an AbortSignal`, 'options.signal');
  if (aborted) throw withReleased(canceled(/** @type {AbortSignal} */ (signal)));
}

// Jobs that run inside their call settle without a turn of the event loop. So that timers and sockets get theirs, after
// a millisecond of such work the next result waits for a turn, and after four no more work is done inside calls in this
// one.
const kTurnMs = 1,
  kMaxTurnMs = 4,
  kCallMs = 0.004;
let spentMs = 0;
let turnPending = false;
/** Results that wait for the turn: how to settle each, and the result. @type {unknown[]} */
const delayed = [];

function endTurn() {
  turnPending = false;
  spentMs = 0;
  const due = delayed.splice(0);
  for (let i = 0; i < due.length; i += 2) /** @type {(result: unknown) => void} */ (due[i])(due[i + 1]);
}

/**
 * @template Result
 * @param {Result} result of a job that ran inside its call
 * @param {number} ms what it took
 * @returns {Promise<Result>}
 */
function settleNow(result, ms) {
  spentMs += ms + kCallMs;
  if (!turnPending) {
    turnPending = true;
    setImmediate(endTurn);
  }
  if (spentMs < kTurnMs) return Promise.resolve(result);
  return new Promise((resolve) => {
    delayed.push(resolve, result);
  });
}

module.exports = {
  scratch,
  layout,
  nextId,
  nextIdHere,
  track,
  settle,
  isAwaited,
  unwatch,
  giveUp,
  checkWaiting,
  settleNow,
  withReleased,
};
