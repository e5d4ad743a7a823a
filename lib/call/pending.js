// Jobs under way on this thread: who waits for them, and how an abort or a deadline ends the waiting.
'use strict';
const { setImmediate, setTimeout, clearTimeout } = require('node:timers');
const { native } = require('../addon');
const { GPUError, invalid, asGpuError, show } = require('../core');
const { readSettings } = require('../config');

/** @typedef {{ signal?: AbortSignal, timeout?: number }} WaitOptions */

/** @type {Map<number, AwaitedJob>} */
const pending = new Map();

/**
 * The addon's call for everything that has finished: exactly once for each id that was begun.
 * @param {any} error
 * @param {any} value
 */
function onDone(error, value) {
  const id = scratch[layout.resultId];
  const job = pending.get(id);
  pending.delete(id);
  if (job) job.finish(error, value);
}

/**
 * The end of a job that the addon does not deliver.
 * @param {number} id
 * @param {any} error
 * @param {any} value
 */
function settle(id, error, value) {
  const job = pending.get(id);
  pending.delete(id);
  if (job) job.finish(error, value);
}

/**
 * Whether somebody waits for its outputs: not so once it was given up.
 * @param {number} id
 */
function isAwaited(id) {
  const job = pending.get(id);
  return job !== undefined && job.release === null;
}

const { scratch, layout, firstId } = native.start(onDone);
let lastId = firstId;
/** @type {number|undefined} that a job has to stop */
let patienceMs;

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

class AwaitedJob {
  /**
   * @param {number} id
   * @param {any} holds what must not be collected while the job runs: large inputs, `into` targets, the context
   * @param {(value: any) => any} decode makes the result of what the addon hands over
   * @param {(id: number) => void} cancel asks for the job's end; it is settled as ever
   * @param {(value: any) => void} resolve
   * @param {(error: any) => void} reject
   */
  constructor(id, holds, decode, cancel, resolve, reject) {
    this.id = id;
    this.holds = holds;
    this.decode = decode;
    this.cancel = cancel;
    this.resolve = resolve;
    this.reject = reject;
    /** @type {(() => void)|null} set once the promise was rejected ahead of the job's end */
    this.release = null;
    /** @type {AbortSignal|undefined} */
    this.signal = undefined;
    /** @type {NodeJS.Timeout|undefined} */
    this.timer = undefined;
  }

  /** @param {WaitOptions} options */
  watch({ signal, timeout }) {
    if (signal) {
      this.signal = signal;
      watchSignal(signal, this);
    }
    if (timeout !== undefined && timeout !== Infinity) {
      this.timer = setTimeout(
        () => this.giveUp(new GPUError('ERR_TIMEOUT', `the job did not finish within ${timeout} ms`)),
        timeout,
      );
      this.timer.unref(); // the job itself keeps the process alive
    }
  }

  unwatch() {
    clearTimeout(this.timer);
    if (this.signal) unwatchSignal(this.signal, this);
    this.signal = undefined;
  }

  /** @param {GPUError} error */
  giveUp(error) {
    if (this.release) return;
    this.unwatch();
    error.released = new Promise((resolve) => {
      this.release = () => resolve(undefined);
    });
    this.reject(error);
    this.cancel(this.id);
    // One that never stops does not keep the process alive for ever.
    this.timer = setTimeout(native.letGo, (patienceMs ??= readSettings().contextSwitchTimeout), this.id);
    this.timer.unref();
  }

  /**
   * @param {any} error
   * @param {any} value
   */
  finish(error, value) {
    if (this.release) {
      clearTimeout(this.timer);
      this.release();
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

/** @param {GPUError} error */
function withReleased(error) {
  if (error.code === 'ERR_CANCELED' || error.code === 'ERR_TIMEOUT') error.released = Promise.resolve();
  return error;
}

/** @param {AbortSignal} signal */
function canceled(signal) {
  return new GPUError('ERR_CANCELED', 'the job was canceled by its signal', { cause: signal.reason });
}

/** A number for a new job, already where the addon looks for it. */
function nextId() {
  return (scratch[layout.callId] = ++lastId);
}

/**
 * Waits for a job that the addon has taken.
 * @param {number} id
 * @param {WaitOptions|undefined} options
 * @param {any} holds
 * @param {(value: any) => any} decode
 * @param {(id: number) => void} [cancel]
 * @returns {Promise<any>}
 */
function track(id, options, holds, decode, cancel = native.cancel) {
  return new Promise((resolve, reject) => {
    const job = new AwaitedJob(id, holds, decode, cancel, resolve, reject);
    pending.set(id, job);
    if (options) job.watch(options);
  });
}

/**
 * Refuses options that can't be right; throws ERR_CANCELED for a signal that is aborted already.
 * @param {WaitOptions} options
 */
function checkWaiting({ signal, timeout }) {
  if (
    timeout !== undefined &&
    timeout !== Infinity &&
    !(typeof timeout === 'number' && timeout > 0 && timeout <= 2 ** 31 - 1)
  )
    throw invalid(
      `timeout is ${show(timeout)}, but must be a number of milliseconds above 0 and at most ${2 ** 31 - 1}, or Infinity for none`,
    );
  if (signal === undefined) return;
  if (
    signal === null ||
    typeof signal !== 'object' ||
    typeof signal.aborted !== 'boolean' ||
    typeof signal.addEventListener !== 'function'
  )
    throw invalid(`signal is ${show(signal)}, but must be an AbortSignal`);
  if (signal.aborted) throw withReleased(canceled(signal));
}

// Jobs that run inside their call settle without a turn of the event loop. So that timers and sockets get theirs, after
// a millisecond of such work the next result waits for a turn, and after four no more work is done inside calls in this
// one.
const kTurnMs = 1,
  kTurnMostMs = 4,
  kCallMs = 0.004;
let spentMs = 0;
let turnPending = false;
/** @type {any[]} */
const waiting = [];

function endTurn() {
  turnPending = false;
  spentMs = 0;
  const settle = waiting.splice(0);
  for (let i = 0; i < settle.length; i += 2) settle[i](settle[i + 1]);
}

/**
 * @param {any} result of a job that ran inside its call
 * @param {number} ms what it took
 */
function settleNow(result, ms) {
  spentMs += ms + kCallMs;
  if (!turnPending) {
    turnPending = true;
    setImmediate(endTurn);
  }
  return spentMs < kTurnMs ? Promise.resolve(result) : new Promise((resolve) => waiting.push(resolve, result));
}

function mayRunNow() {
  return spentMs < kTurnMostMs;
}

module.exports = {
  scratch,
  layout,
  nextId,
  track,
  settle,
  isAwaited,
  checkWaiting,
  settleNow,
  mayRunNow,
  withReleased,
};
