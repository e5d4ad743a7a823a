// What a cluster has done, in numbers: the primary's own block of counters, those of all members, and what those that
// are gone had counted.
'use strict';
const { invalid, suggestion, show } = require('../core');
const { MetricsBlock } = require('./block');
const { kCodes } = require('./codes');
const { layout, kMetricsSize, kMaxWorkloads } = require('./layout');
const { figuresOf } = require('./figures');
const { ProgramCounts } = require('./program-use');
const { Rate } = require('./rate');
const { Recent } = require('./recent');
const { kDurationBuckets } = require('./histogram');
const { readCards } = require('./cards');
const { usedBy, reservedBy, sumOf, sumByDevice, megabytes } = require('./contexts');

/** @typedef {import('./contexts').ContextState} ContextState */
/** @typedef {import('./cards').MemberPage} MemberPage */
/** @typedef {{ count: number, bytes: number }} TensorUse of tensors in shared memory */
/**
 * @typedef {object} SnapshotInput what the primary knows beyond the counters
 * @property {readonly ContextState[]} contexts
 * @property {number} [queueDepth]
 * @property {number} [running]
 * @property {number} [oldestPendingAgeMs]
 * @property {number} [now]
 * @property {{ count: number, ms: number }} [compiled] sources that were compiled
 * @property {TensorUse} [published] those that have a name
 * @property {TensorUse} [shared] all that some process holds
 * @property {OperationsUse} [operations]
 */
/**
 * What lib/operations/ says of itself.
 * @typedef {Pick<import('../index').GPUClusterMetrics, 'resultCache'|'costs'|'alerts'|'degradation'>} OperationsUse
 */
/**
 * @typedef {object} MetricsState what the primary knows beyond the counters, for Prometheus
 * @property {number} now
 * @property {number} pending
 * @property {number} running
 * @property {number} oldestPendingAgeMs
 * @property {Record<string, number>} restarts by reason
 * @property {readonly ContextState[]} contexts
 * @property {readonly MemberPage[]} members
 * @property {{ count: number, ms: number }} compiled sources that were compiled
 * @property {TensorUse} published
 * @property {TensorUse} shared
 * @property {readonly import('../pressure/tier').TierStatus[]} tiers of memory
 * @property {OperationsUse} operations
 */

const kNoTensors = { count: 0, bytes: 0 };
/** What getMetrics() tells of the last ten seconds, by the place of its histogram. */
const kRecent = /** @type {const} */ (['kRequest', 'kQueue', 'kSwitch']);
const kNoCost = Object.freeze({ jobs: 0, seconds: 0, cost: 0 });
/** @type {OperationsUse} of a block of counters by itself */
const kNoOperations = Object.freeze({
  resultCache: { tiers: [] },
  costs: {
    currency: '',
    now: kNoCost,
    saved: { cache: 0, batching: 0, routing: 0 },
    hour: kNoCost,
    day: kNoCost,
    byDevice: {},
    byWorkload: {},
    byCaller: {},
    byToken: {},
    byModel: {},
    savings: { cache: 0, batching: 0, routing: 0 },
    budgets: [],
  },
  alerts: [],
  degradation: { stage: 'none', stages: ['none'], since: 0, refused: 0, refusedBelow: null },
});

class Metrics {
  /** @type {Map<unknown, MetricsBlock>} */
  #members = new Map();
  #programs = new ProgramCounts();
  #retired = new MetricsBlock();
  #last = new MetricsBlock();
  /** @type {Map<string, number>} by device: the most bytes ever seen allocated */
  #peaks = new Map();
  #now;
  #workloads;
  #rate;
  #frames;
  #frameMs;
  #recent;
  /** @type {number[]} the places where jobs that draw are counted */
  #drawing;

  /**
   * @param {object} options
   * @param {() => number} options.now milliseconds
   * @param {readonly string[]} [options.workloads] names of the workloads, in the order of their numbers in `completed`
   */
  constructor({ now, workloads = [] }) {
    this.own = new MetricsBlock();
    this.#now = now;
    this.#workloads = workloads;
    this.#rate = new Rate(now());
    this.#frames = new Rate(now());
    this.#frameMs = new Rate(now());
    this.#recent = kRecent.map(() => new Recent(now()));
    this.#drawing = workloads.flatMap((name, i) =>
      i < kMaxWorkloads - 1 && (name === 'render' || name.startsWith('render/')) ? [i] : [],
    );
  }

  /**
   * @param {unknown} member
   * @param {Float64Array} page its status page
   */
  attach(member, page) {
    this.retire(member);
    this.#members.set(member, MetricsBlock.ofPage(page));
    this.#programs.attach(member, page);
  }

  /**
   * A member has gone, or its page is about to: what it counted stays.
   * @param {unknown} member
   */
  retire(member) {
    const block = this.#members.get(member);
    if (!block) return;
    this.#members.delete(member);
    this.#retired.add(block);
    this.#programs.retire(member);
  }

  /** @returns {import('./program-use').ProgramUse} what all contexts hold, and have counted, those that are gone too */
  programs() {
    return this.#programs.sum();
  }

  /** @returns {MetricsBlock} the sum of everything, which the caller may keep */
  merged() {
    const sum = this.own.copy().add(this.#retired);
    for (const block of this.#members.values()) sum.add(block);
    // In another order the same sum of milliseconds may be a rounding less, which a reader of counters would take for a
    // restart.
    const last = this.#last.view,
      now = sum.view;
    for (let i = 0; i < kMetricsSize; ++i) last[i] = now[i] = Math.max(last[i], now[i]);
    return sum;
  }

  /**
   * Keeps the rate and the peaks; to be called about once a second.
   * @param {number} [now]
   * @param {readonly ContextState[]} [contexts]
   */
  sample(now = this.#now(), contexts = []) {
    const count = (/** @type {number} */ place) => {
      let sum = this.own.view[place] + this.#retired.view[place];
      for (const block of this.#members.values()) sum += block.view[place];
      return sum;
    };
    const completed = count(layout.kCompleted);
    this.#frames.sample(
      now,
      sumOf(this.#drawing, (i) => count(layout.kWorkloadJobs + i)),
    );
    this.#frameMs.sample(
      now,
      sumOf(this.#drawing, (i) => count(layout.kWorkloadMs + i)),
    );
    kRecent.forEach((place, i) => this.#recent[i].sample(now, this.#buckets(layout[place])));
    for (const [device, bytes] of sumByDevice(contexts, usedBy))
      this.#peaks.set(device, Math.max(bytes, this.#peaks.get(device) ?? 0));
    return this.#rate.sample(now, completed);
  }

  /** @param {number} at where a histogram of durations begins */
  #buckets(at) {
    const sum = new Float64Array(kDurationBuckets);
    for (const { view } of [this.own, this.#retired, ...this.#members.values()])
      for (let i = 0; i < kDurationBuckets; ++i) sum[i] += view[at + i];
    return sum;
  }

  /**
   * What getMetrics answers: durations in ms, memory in MB, the hit rate in per cent.
   * @param {SnapshotInput} input
   */
  snapshot(input) {
    const { contexts, now = this.#now(), compiled = { count: 0, ms: 0 }, operations = kNoOperations } = input;
    const { queueDepth = 0, running = 0, oldestPendingAgeMs = 0, published = kNoTensors, shared = kNoTensors } = input;
    const jobsPerSecond = this.sample(now, contexts);
    const [latency, queued, switchTime] = this.#recent.map(({ last }) => last);
    return figuresOf({
      contexts,
      queueDepth,
      running,
      oldestPendingAgeMs,
      recent: { latency, queued, switchTime },
      compiled,
      published,
      shared,
      operations,
      use: this.programs(),
      jobsPerSecond,
      frameRate: this.#frames.last,
      frameMs: this.#frameMs.last,
      view: this.merged().view,
    });
  }

  /**
   * What a device's memory is used for, in MB. The total is the device's where it is known, else what its contexts may
   * use.
   * @param {string} deviceId
   * @param {object} state
   * @param {readonly ContextState[]} state.contexts
   * @param {readonly MemberPage[]} [state.members]
   * @param {number} [state.totalBytes]
   * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT: no context is or was on such a device
   */
  memoryStats(deviceId, { contexts, members = [], totalBytes }) {
    this.sample(undefined, contexts);
    const mine = contexts.filter((context) => context.device === deviceId);
    if (mine.length === 0 && !this.#peaks.has(deviceId)) throw noSuchDevice(deviceId, contexts);
    const allocated = sumOf(mine, usedBy);
    const total =
      totalBytes ?? readCards(mine, members).get(deviceId)?.totalBytes ?? sumOf(mine, (context) => context.memoryLimit);
    return {
      allocatedMb: megabytes(allocated),
      reservedMb: megabytes(sumOf(mine, reservedBy)),
      maxAllocatedMb: megabytes(this.#peaks.get(deviceId) ?? 0),
      totalMb: megabytes(total),
      utilizationPct: total > 0 ? (allocated / total) * 100 : 0,
    };
  }

  /**
   * Everything as Prometheus reads it.
   * @param {MetricsState} state
   * @returns {Promise<string>}
   */
  prometheus(state) {
    this.sample(state.now, state.contexts);
    const { render } = require('./prometheus'); // workers never need it, nor what it loads
    return render(this.merged().view, state, this.#workloads, this.programs());
  }
}

/**
 * @param {string} deviceId
 * @param {readonly ContextState[]} contexts
 */
function noSuchDevice(deviceId, contexts) {
  const known = new Set(contexts.map((context) => context.device));
  return invalid(`no context is on a device ${show(deviceId)}${suggestion(String(deviceId), known)}`);
}

module.exports = { MetricsBlock, Metrics, layout, kMetricsSize, kCodes, kMaxWorkloads };
