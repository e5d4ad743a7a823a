// Calls of many callers as jobs of tokens: large ones are cut, small ones join, equal texts run once, and each caller
// gets its own rows in its own order.
'use strict';
const { setImmediate } = require('node:timers');
const { checkWaiting, nextId, ownError, track } = require('../call');
const { GPUError, asGpuError, nowMs } = require('../core');
const { EqualTexts, hashOf } = require('./equal-texts');
const { TextCall } = require('./text-call');
const { Text, TextJob } = require('./text-job');
const { TokenPlan, WaitingCall, costOf, dueOf } = require('./token-plan');

/** @typedef {import('../index').JobOptions} JobOptions */
/** @typedef {import('./equal-texts').Texts} Texts */
/** @typedef {import('./text-call').Rows} Rows */
/** @typedef {(texts: Texts, options: JobOptions) => Promise<Rows>} RunTexts a row for each text */
/**
 * @typedef {object} BatchesOptions
 * @property {RunTexts} run one job
 * @property {number} budget tokens of short texts that a job has at most, unless one text has more
 * @property {number} [square] tokens of a text whose attention costs as much as everything else
 * @property {() => number} [width] jobs of one priority that are at the queue at once; what comes meanwhile is joined
 * @property {number} [timeout] what a caller waits that doesn't say how long
 */
/**
 * What goes together: jobs have texts of one of them.
 * @typedef {object} Lane
 * @property {string} key of its kind
 * @property {JobOptions} options that all its callers gave
 * @property {number} priority
 * @property {TokenPlan<Text>} plan
 * @property {EqualTexts<Text>} equal of all priorities
 * @property {number} sent jobs that are at the queue
 */

const kSquare = 2304; // of a layer 384 wide whose hidden part is 1536 wide
const kWidth = 4;
const kSliceTexts = 4096; // that are taken in in one turn of the event loop ...
const kSliceTokens = 1 << 17; // ... or the texts that these are
const kFirstMsPerCost = 0.02;
const kNewest = 1 / 4; // the weight of the newest job
/** What a job failed with says nothing of its texts. */
const kNotOfTexts = new Set(['ERR_CLOSED', 'ERR_QUEUE_FULL', 'ERR_CANCELED', 'ERR_TIMEOUT']);

class TextBatches {
  #run;
  #budget;
  #square;
  #width;
  #timeout;
  /** @type {Map<string, { equal: EqualTexts<Text>, lanes: Map<number, Lane> }>} by what jobs have in common */
  #kinds = new Map();
  #msPerCost = kFirstMsPerCost;
  #isDue = false;

  /** @param {BatchesOptions} options */
  constructor({ run, budget, square = kSquare, width = () => kWidth, timeout = Infinity }) {
    this.#run = run;
    this.#budget = budget;
    this.#square = square;
    this.#width = width;
    this.#timeout = timeout;
  }

  /**
   * The rows of texts, in their order.
   * @param {Texts} texts which stay as they are until it is settled; their owner's `released` tells, otherwise
   * @param {JobOptions} [options] `into` and `cache` are the caller's business
   * @returns {Promise<Rows>}
   * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_CANCELED, ERR_TIMEOUT, and what a job with its texts failed with
   */
  async add(texts, options = {}) {
    checkWaiting(options);
    const { signal, timeout = this.#timeout, account } = options;
    const call = new TextCall(texts, nowMs() + timeout, account);
    call.number = nextId();
    const waited = track(call.number, { signal, timeout }, texts, asItIs, () => this.#giveUp(call));
    this.#takeIn(call, options);
    return waited;
  }

  /**
   * @param {JobOptions} options
   * @returns {Lane}
   */
  #laneOf({ priority = 0, contextType, affinity, retries }) {
    const key = JSON.stringify([contextType, affinity, retries]);
    let kind = this.#kinds.get(key);
    if (!kind) this.#kinds.set(key, (kind = { equal: new EqualTexts(), lanes: new Map() }));
    const { equal, lanes } = kind;
    let lane = lanes.get(priority);
    if (!lane) {
      const plan = new TokenPlan((/** @type {Text} */ text) => equal.delete(text));
      lane = { key, options: { priority, contextType, affinity, retries }, priority, plan, equal, sent: 0 };
      lanes.set(priority, lane);
    }
    return lane;
  }

  /**
   * Very many texts come in over several turns of the event loop; what has come in may run.
   * @param {TextCall} call
   * @param {JobOptions} options
   */
  #takeIn(call, options) {
    const { offsets } = call.texts;
    if (!call.count) {
      this.#send([new Text(call, 0, 0, 0)], this.#laneOf(options)); // how wide no rows are is known where they are made
      return;
    }
    const due = dueOf(nowMs(), offsets[call.count], this.#msPerCost, call.deadline);
    let next = 0;
    const slice = () => {
      if (call.isOver) return;
      const lane = this.#laneOf(options);
      const waiting = /** @type {WaitingCall<Text>} */ (new WaitingCall(due));
      const end = Math.min(call.count, next + kSliceTexts);
      const lastToken = offsets[next] + kSliceTokens;
      do this.#takeText(call, next, lane, waiting);
      while (++next < end && offsets[next] < lastToken);
      lane.plan.add(waiting);
      this.#soon();
      if (next < call.count) setImmediate(slice);
    };
    slice();
  }

  /**
   * An equal text that is under way is waited for, unless a job of a lower priority has it. One that no job has yet
   * goes when the first of its calls is due.
   * @param {TextCall} call
   * @param {number} index
   * @param {Lane} lane
   * @param {WaitingCall<Text>} waiting
   */
  #takeText(call, index, lane, waiting) {
    const hash = hashOf(call.texts, index);
    let text = lane.equal.find(hash, { texts: call.texts, index });
    if (text?.job && !text.job.suits(lane.priority, call)) text = undefined;
    if (text) {
      (text.others ??= []).push({ call, index });
      if (text.job) call.jobs.add(text.job);
    } else {
      const { offsets } = call.texts;
      text = new Text(call, index, hash, costOf(offsets[index + 1] - offsets[index], this.#square));
      lane.equal.add(text);
    }
    if (!text.job) waiting.add(text);
  }

  /** What comes in one turn of the event loop goes together. */
  #soon() {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      // A text that several calls wait for goes with the most urgent of them.
      const lanes = [...this.#kinds.values()].flatMap(({ lanes: all }) => [...all.values()]);
      for (const lane of lanes.sort((a, b) => b.priority - a.priority)) this.#pump(lane);
    });
  }

  /** @param {Lane} lane */
  #pump(lane) {
    const width = this.#width();
    while (!lane.plan.isEmpty && lane.sent < width) {
      const texts = lane.plan.next(this.#budget);
      if (texts.length) this.#send(texts, lane);
    }
    if (lane.sent || !lane.plan.isEmpty) return;
    const lanes = this.#kinds.get(lane.key)?.lanes;
    if (lanes?.get(lane.priority) === lane) lanes.delete(lane.priority);
    if (lanes?.size === 0) this.#kinds.delete(lane.key);
  }

  /**
   * @param {Text[]} texts
   * @param {Lane} lane
   */
  async #send(texts, lane) {
    const job = new TextJob(texts, lane.priority, nowMs());
    ++lane.sent;
    try {
      const { timeout, signal, account } = job;
      const result = await this.#run(job.pack(), { ...lane.options, timeout, signal, ...(account && { account }) });
      this.#left(job, lane);
      this.#ended(job, result);
    } catch (thrown) {
      const error = asGpuError(thrown);
      if (job.isAtQueue) this.#left(job, lane);
      this.#failed(job, lane, error);
      await error.released;
    }
    job.tellEnded();
  }

  /**
   * @param {TextJob} job
   * @param {Lane} lane
   */
  #left(job, lane) {
    job.isAtQueue = false;
    --lane.sent;
    for (const text of job.texts) lane.equal.delete(text);
    this.#pump(lane);
  }

  /**
   * @param {TextJob} job
   * @param {Rows} result
   */
  #ended(job, { rows, timings }) {
    const takes = (nowMs() - job.sent) / Math.max(1, job.cost);
    this.#msPerCost += kNewest * (takes - this.#msPerCost);
    if (rows.shape[0] !== job.count)
      throw new GPUError('ERR_INTERNAL', `a job of ${job.count} texts has made ${rows.shape[0]} rows`);
    const { calls } = job;
    job.give(rows);
    for (const call of calls) {
      call.spent(timings, job.sent);
      call.jobs.delete(job);
      if (call.left === 0) call.end(null, call.result());
    }
  }

  /**
   * Its texts may not be to blame, and most of them are not: those of different callers are tried apart.
   * @param {TextJob} job
   * @param {Lane} lane
   * @param {GPUError} error
   */
  #failed(job, lane, error) {
    const groups = kNotOfTexts.has(error.code) ? [] : job.apart();
    const { calls } = job;
    for (const call of calls) call.jobs.delete(job);
    if (groups.length > 1) for (const texts of groups) this.#send(texts, lane);
    else for (const call of calls) this.#fail(call, error);
  }

  /**
   * @param {TextCall} call
   * @param {GPUError} error
   */
  #fail(call, error) {
    call.end(ownError(error), undefined);
    this.#soon(); // its texts that wait are dropped
  }

  /** @param {TextCall} call whose caller waits no longer */
  async #giveUp(call) {
    const end = call.giveUp();
    this.#soon();
    await end;
  }
}

/**
 * @template T
 * @param {T} value
 */
function asItIs(value) {
  return value;
}

module.exports = { TextBatches };
