// Rows of many callers as jobs of one size: large calls are cut, small ones of one turn of the event loop join, and
// each caller gets its own rows, in its own order.
'use strict';
const { setImmediate } = require('node:timers');
const { nextId, ownError, track } = require('../../call');
const { asGpuError } = require('../../core');
const { accountOfParts } = require('../../operations');
const { RowCall, RowJob } = require('./row-call');

/** @typedef {import('../../core').GPUError} GPUError */
/** @typedef {import('../../index').JobOptions} JobOptions */
/** @typedef {import('../../index').Tensor} Tensor */
/** @typedef {import('./row-call').Made} Made */
/** @typedef {import('./row-call').Part} Part */
/** @typedef {import('./steps').Steps} Steps */
/**
 * @typedef {object} RowBatchesOptions
 * @property {Steps} steps
 * @property {number} size rows that a job has at most
 * @property {(rows: Tensor, options: JobOptions) => Promise<Made>} run one job
 * @property {() => number} width jobs that are at the queue at once; what comes meanwhile is joined
 * @property {(rows: number, calls: number) => void} [onJob] hears of each job
 * @property {() => void} [onIdle] hears that nothing is under way any more
 */
/** @typedef {{ key: string, options: JobOptions, waiting: RowCall[], sent: number }} Lane */

// A call of more bytes is a job by itself: to copy its rows takes longer than a job of its own does.
const kJoinBytes = 1 << 17;
const kLeast = 64; // rows of a job that is not cut any further for want of memory
/** What a job failed with says nothing of its rows. */
const kNotOfRows = new Set(['ERR_CLOSED', 'ERR_QUEUE_FULL', 'ERR_CANCELED', 'ERR_TIMEOUT', 'ERR_DEVICE_LOST']);

class RowBatches {
  #steps;
  #size;
  #run;
  #width;
  #onJob;
  #onIdle;
  #joined;
  /** @type {Map<string, Lane>} by what jobs have in common */
  #lanes = new Map();
  #isDue = false;

  /** @param {RowBatchesOptions} options */
  constructor({ steps, size, run, width, onJob = () => {}, onIdle = () => {} }) {
    this.#steps = steps;
    this.#size = size;
    this.#run = run;
    this.#width = width;
    this.#onJob = onJob;
    this.#onIdle = onIdle;
    const rowBytes = steps.width * (steps.dtype === 'float32' ? 4 : 2);
    this.#joined = Math.floor(kJoinBytes / rowBytes);
  }

  /** Whether nothing is under way. */
  get isIdle() {
    return this.#lanes.size === 0;
  }

  /**
   * @param {Tensor} rows [n, d], which stay as they are until it is settled; `released` of its error tells, otherwise
   * @param {JobOptions} options
   * @returns {Promise<Made>}
   */
  add(rows, { signal, timeout, account, ...options }) {
    const call = new RowCall(rows, this.#steps.outputs, account);
    if (!call.count) return Promise.resolve(call.result());
    call.number = nextId();
    const asItIs = (/** @type {Made} */ made) => made;
    const waited = track(call.number, { signal, timeout }, rows, asItIs, () => this.#giveUp(call));
    const lane = this.#laneOf(options);
    lane.waiting.push(call);
    // What is a job by itself has nobody to wait for.
    if (call.count > this.#joined) this.#pump(lane);
    else this.#soon();
    return waited;
  }

  /**
   * @param {JobOptions} options
   * @returns {Lane}
   */
  #laneOf(options) {
    const { priority = 0, contextType, affinity, retries } = options;
    const key = JSON.stringify([priority, contextType, affinity, retries]);
    let lane = this.#lanes.get(key);
    if (!lane)
      this.#lanes.set(
        key,
        (lane = { key, options: { priority, contextType, affinity, retries }, waiting: [], sent: 0 }),
      );
    return lane;
  }

  /** What comes in one turn of the event loop goes together. */
  #soon() {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      const lanes = [...this.#lanes.values()];
      for (const lane of lanes.sort((a, b) => Number(b.options.priority) - Number(a.options.priority)))
        this.#pump(lane);
    });
  }

  /** @param {Lane} lane */
  #pump(lane) {
    lane.waiting = lane.waiting.filter((call) => !call.isOver);
    while (lane.waiting.length && lane.sent < this.#width()) this.#send(this.#next(lane), lane);
    if (lane.sent || lane.waiting.length || this.#lanes.get(lane.key) !== lane) return;
    this.#lanes.delete(lane.key);
    if (this.isIdle) this.#onIdle();
  }

  /**
   * The first call's next piece, and it goes behind the others; or it with other small ones, as many as fit.
   * @param {Lane} lane of which a call waits
   * @returns {Part[]}
   */
  #next(lane) {
    const [first] = lane.waiting;
    const left = first.count - first.sent;
    if (left > this.#joined || left > this.#size) {
      const count = Math.ceil(left / Math.ceil(left / this.#size));
      const part = { call: first, first: first.sent, count };
      first.sent += count;
      lane.waiting.shift();
      if (first.sent < first.count) lane.waiting.push(first);
      return [part];
    }
    /** @type {Part[]} */
    const parts = [];
    let rows = 0;
    lane.waiting = lane.waiting.filter((call) => {
      const count = call.count - call.sent;
      if (count > this.#joined || rows + count > this.#size) return true;
      parts.push({ call, first: call.sent, count });
      call.sent += count;
      rows += count;
      return false;
    });
    return parts;
  }

  /**
   * @param {Part[]} parts
   * @param {Lane} lane
   */
  async #send(parts, lane) {
    const job = new RowJob(parts);
    ++lane.sent;
    let isAtQueue = true;
    const leave = () => {
      if (!isAtQueue) return;
      isAtQueue = false;
      --lane.sent;
      this.#pump(lane);
    };
    try {
      const { rows, into } = job.tensors(this.#steps);
      const account = accountOfParts(parts.map(({ call, count }) => [call.account, count]));
      const options = { ...lane.options, signal: job.signal, timeout: Infinity, into, ...(account && { account }) };
      const made = await this.#run(rows, options);
      this.#onJob(job.rows, parts.length);
      this.#ended(job, made);
      leave();
    } catch (thrown) {
      const error = asGpuError(thrown);
      this.#failed(job, lane, error);
      leave();
      await error.released;
    }
    job.tellEnded();
  }

  /**
   * @param {RowJob} job
   * @param {Made} made
   */
  #ended(job, { outputs, timings }) {
    let from = 0;
    for (const part of job.parts) {
      const { call, count } = part;
      call.jobs.delete(job);
      if (!call.isOver) {
        call.take(outputs, from, part);
        call.spent(timings, job.sentAt);
        if (call.left === 0) call.end(null, call.result());
      }
      from += count;
    }
  }

  /**
   * Rows of different callers are tried apart, and where there is too little memory smaller jobs.
   * @param {RowJob} job
   * @param {Lane} lane
   * @param {GPUError} error
   */
  #failed(job, lane, error) {
    for (const { call } of job.parts) call.jobs.delete(job);
    const isShort = error.code === 'ERR_OUT_OF_MEMORY' && job.rows > kLeast;
    const isApart = job.parts.length > 1 && !kNotOfRows.has(error.code);
    if (isShort || isApart) {
      for (const parts of job.smaller()) if (!parts[0].call.isOver) this.#send(parts, lane);
      return;
    }
    for (const { call } of job.parts) if (!call.isOver) this.#fail(call, error);
  }

  /**
   * @param {RowCall} call
   * @param {GPUError} error
   */
  #fail(call, error) {
    call.end(ownError(error), undefined);
    this.#soon(); // what waits of it is dropped
  }

  /** @param {RowCall} call whose caller waits no longer */
  async #giveUp(call) {
    const end = call.giveUp();
    this.#soon();
    await end;
  }
}

module.exports = { RowBatches };
