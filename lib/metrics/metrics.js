// What a cluster has done, in numbers: the blocks of counters that processes fill, and the primary's sum of them.
'use strict';
const {
  kMetrics,
  kMaxContexts,
  kGpuUtilization,
  kGpuUsedBytes,
  kGpuTotalBytes,
  kPrograms,
  kProgramBytes,
  kProgramHits,
  kProgramMisses,
  kCompileMs,
  contextAt,
} = require('./status-page');
const { kDurationSize, kSizeSize, recordDuration, recordSize, quantile } = require('./histogram');
const { invalid, suggestion, show } = require('../core');

/**
 * @typedef {{ queued?: number, upload?: number, compute?: number, readback?: number, total?: number }} StageTimes
 *   milliseconds
 */
/**
 * @typedef {object} ContextState
 * @property {string} id
 * @property {number} workerId
 * @property {string} contextType
 * @property {string} device
 * @property {'idle'|'busy'|'lost'|'starting'} state
 * @property {boolean} [isActive] whether jobs may be given to it; by its state when left out
 * @property {number} [slot] its place in the worker's status page; the number at the end of its id when left out
 * @property {number} memoryUsage bytes
 * @property {number} memoryLimit
 * @property {number} [reserved] bytes it holds of the device, used or pooled
 */
/** @typedef {{ workerId: number, page: Float64Array }} MemberPage */
/**
 * @typedef {{ programs: number, bytes: number, hits: number, misses: number, ms: number }} ProgramUse of all contexts;
 *   the last three only grow
 */
/**
 * @typedef {object} SnapshotInput what the primary knows beyond the counters
 * @property {ContextState[]} contexts
 * @property {number} [queueDepth]
 * @property {number} [now]
 * @property {{ count: number, ms: number }} [compiled] sources that were compiled
 */
/**
 * @typedef {object} MetricsState what the primary knows beyond the counters, for Prometheus
 * @property {number} now
 * @property {number} pending
 * @property {number} running
 * @property {number} oldestPendingAgeMs
 * @property {Record<string, number>} restarts by reason
 * @property {ContextState[]} contexts
 * @property {MemberPage[]} members
 */

/** @type {import('../core/errors').ErrorCode[]} */
const kCodes = [
  'ERR_INVALID_ARGUMENT',
  'ERR_UNKNOWN_WORKLOAD',
  'ERR_UNSUPPORTED',
  'ERR_OUT_OF_MEMORY',
  'ERR_DEVICE_LOST',
  'ERR_COMPILE',
  'ERR_TIMEOUT',
  'ERR_CANCELED',
  'ERR_QUEUE_FULL',
  'ERR_WORKER_LOST',
  'ERR_CLOSED',
  'ERR_INTERNAL',
];
const kCodeIndex = new Map(kCodes.map((code, i) => [/** @type {string} */ (code), i]));
const kMaxWorkloads = 32; // the last place is for all that have none of their own

// Where what is in a block. All numbers only grow.
const kCompleted = 0,
  kCacheHits = 1,
  kCacheMisses = 2,
  kContextSwitches = 3;
const kFailed = 8; // one for each of kCodes
const kRetried = kFailed + kCodes.length; // by the code that the job would have failed with
const kWorkloads = kRetried + kCodes.length; // for each: jobs, ms of compute
const kRequest = kWorkloads + 2 * kMaxWorkloads;
const kQueue = kRequest + kDurationSize;
const kUpload = kQueue + kDurationSize;
const kCompute = kUpload + kDurationSize;
const kReadback = kCompute + kDurationSize;
const kSwitch = kReadback + kDurationSize;
const kBatch = kSwitch + kDurationSize;
const kMetricsSize = kBatch + kSizeSize;
const layout = {
  kCompleted,
  kCacheHits,
  kCacheMisses,
  kContextSwitches,
  kFailed,
  kRetried,
  kWorkloads,
  kRequest,
  kQueue,
  kUpload,
  kCompute,
  kReadback,
  kSwitch,
  kBatch,
};

/** Counters and histograms with one writer, who may be in another process than their readers. */
class MetricsBlock {
  /** @param {Float64Array} [view] zeros at first */
  constructor(view = new Float64Array(kMetricsSize)) {
    if (view.length !== kMetricsSize)
      throw new RangeError(`a metrics block has ${kMetricsSize} numbers, not ${view.length}`);
    this.view = view;
  }

  /**
   * The block of a member's status page.
   * @param {Float64Array} page
   */
  static ofPage(page) {
    return new MetricsBlock(page.subarray(kMetrics, kMetrics + kMetricsSize));
  }

  /**
   * A job has ended well. Stages it did not have are left out of its timings, or NaN.
   * @param {number} workload its place in the list of workloads; any other number for one that is in no list
   * @param {StageTimes} timings
   * @param {number} batchSize with one job of each launch: how many jobs the launch had; 0 with the others
   */
  completed(workload, timings, batchSize) {
    const view = this.view;
    const { compute } = timings;
    const at = kWorkloads + 2 * (workload >= 0 && workload < kMaxWorkloads ? workload : kMaxWorkloads - 1);
    view[kCompleted] += 1;
    view[at] += 1;
    if (compute !== undefined && compute > 0 && compute < Infinity) view[at + 1] += compute;
    recordDuration(view, kQueue, timings.queued);
    recordDuration(view, kUpload, timings.upload);
    recordDuration(view, kCompute, compute);
    recordDuration(view, kReadback, timings.readback);
    recordDuration(view, kRequest, timings.total);
    if (batchSize > 0) recordSize(view, kBatch, batchSize);
  }

  /** @param {string} code why a job's promise was rejected */
  failed(code) {
    this.view[kFailed + indexOfCode(code)] += 1;
  }

  /** @param {string} code what the job would have failed with, had it had no more retries */
  retried(code) {
    this.view[kRetried + indexOfCode(code)] += 1;
  }

  cacheHit() {
    this.view[kCacheHits] += 1;
  }

  cacheMiss() {
    this.view[kCacheMisses] += 1;
  }

  /** @param {number} ms from the decision to the first command */
  contextSwitch(ms) {
    this.view[kContextSwitches] += 1;
    recordDuration(this.view, kSwitch, ms);
  }

  /** @param {MetricsBlock} other */
  add(other) {
    const from = other.view,
      to = this.view;
    // A process that crashed may have written anything to its page. One such number must not spoil the sum for good.
    for (let i = 0; i < kMetricsSize; ++i) if (from[i] > 0 && from[i] < Infinity) to[i] += from[i];
    return this;
  }

  copy() {
    return new MetricsBlock(this.view.slice());
  }
}

/** @param {string} code */
function indexOfCode(code) {
  return kCodeIndex.get(code) ?? kCodes.length - 1;
}

const kRateMs = 10000; // how far back the rate of jobs looks
const kSampleMs = 900; // samples closer than this tell nothing new: timers of a second may be early

/** A rate over the last ten seconds, from a count read now and then. */
class Rate {
  /** @param {number} now */
  constructor(now) {
    this.samples = [{ at: now, count: 0 }];
    this.last = 0; // a second
  }

  /**
   * @param {number} now
   * @param {number} count
   */
  sample(now, count) {
    const { samples } = this;
    if (now - samples[samples.length - 1].at >= kSampleMs) samples.push({ at: now, count });
    while (samples.length > 1 && now - samples[1].at >= kRateMs) samples.shift();
    return (this.last = this.perSecond(now, count));
  }

  /**
   * @param {number} now
   * @param {number} count
   */
  perSecond(now, count) {
    const [{ at, count: before }] = this.samples;
    return (count - before) / Math.max(1, (now - at) / 1000); // a burst in the first milliseconds is not a rate yet
  }
}

/** The primary's: its own block, those of all members, and what those that are gone had counted. */
class Metrics {
  /** @type {Map<any, MetricsBlock>} */
  #members = new Map();
  /** @type {Map<any, Float64Array>} their pages */
  #pages = new Map();
  #retiredUse = noUse();
  #lastUse = noUse();
  #retired = new MetricsBlock();
  #last = new MetricsBlock();
  /** @type {Map<string, number>} by device: the most bytes ever seen allocated */
  #peaks = new Map();
  #now;
  #workloads;
  #rate;
  #frames;
  #frameMs;
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
    this.#drawing = workloads.flatMap((name, i) =>
      i < kMaxWorkloads - 1 && (name === 'render' || name.startsWith('render/')) ? [i] : [],
    );
  }

  /**
   * @param {any} member
   * @param {Float64Array} page its status page
   */
  attach(member, page) {
    this.retire(member);
    this.#members.set(member, MetricsBlock.ofPage(page));
    this.#pages.set(member, page);
  }

  /**
   * A member has gone, or its page is about to: what it counted stays.
   * @param {any} member
   */
  retire(member) {
    const block = this.#members.get(member);
    if (!block) return;
    this.#members.delete(member);
    this.#retired.add(block);
    const { hits, misses, ms } = addUse(noUse(), /** @type {Float64Array} */ (this.#pages.get(member)));
    this.#pages.delete(member);
    this.#retiredUse = {
      ...this.#retiredUse,
      hits: this.#retiredUse.hits + hits,
      misses: this.#retiredUse.misses + misses,
      ms: this.#retiredUse.ms + ms,
    };
  }

  /** @returns {ProgramUse} what all contexts hold, and have counted, those that are gone included */
  programs() {
    const sum = { ...this.#retiredUse };
    for (const page of this.#pages.values()) addUse(sum, page);
    for (const name of /** @type {const} */ (['hits', 'misses', 'ms']))
      this.#lastUse[name] = sum[name] = Math.max(this.#lastUse[name], sum[name]); // as in merged()
    return sum;
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
   * @param {ContextState[]} [contexts]
   */
  sample(now = this.#now(), contexts = []) {
    const count = (/** @type {number} */ place) => {
      let sum = this.own.view[place] + this.#retired.view[place];
      for (const block of this.#members.values()) sum += block.view[place];
      return sum;
    };
    const completed = count(kCompleted);
    this.#frames.sample(
      now,
      sumOf(this.#drawing, (i) => count(kWorkloads + 2 * i)),
    );
    this.#frameMs.sample(
      now,
      sumOf(this.#drawing, (i) => count(kWorkloads + 2 * i + 1)),
    );
    for (const [device, bytes] of allocatedByDevice(contexts))
      this.#peaks.set(device, Math.max(bytes, this.#peaks.get(device) ?? 0));
    return this.#rate.sample(now, completed);
  }

  /**
   * What getMetrics answers: durations in ms, memory in MB, the hit rate in per cent.
   * @param {SnapshotInput} input
   */
  snapshot(input) {
    const { contexts, queueDepth = 0, now = this.#now(), compiled = { count: 0, ms: 0 } } = input;
    const jobsPerSecond = this.sample(now, contexts);
    const { view } = this.merged();
    const { programs, bytes, hits, misses, ms } = this.programs();
    const frameRate = this.#frames.last;
    const total = contexts.reduce((sum, context) => sum + context.memoryUsage, 0) + bytes;
    return {
      totalContexts: contexts.length,
      activeContexts: contexts.filter(isActive).length,
      totalShaders: programs,
      cacheHitRate: hits + misses > 0 ? (hits / (hits + misses)) * 100 : 0,
      // Of a new program: its source, and then a device's part of it.
      compilationTime: meanOf(compiled.ms, compiled.count) + meanOf(ms, misses),
      memoryUsage: {
        total: megabytes(total),
        perContext: Object.fromEntries(contexts.map((context) => [context.id, megabytes(context.memoryUsage)])),
        shaderCache: megabytes(bytes),
      },
      performance: {
        frameRate,
        renderTime: meanOf(this.#frameMs.last, frameRate),
        contextSwitches: view[kContextSwitches],
        contextSwitchTime: p50and99(view, kSwitch),
        jobsPerSecond,
        queueDepth,
        latency: p50and99(view, kRequest),
      },
    };
  }

  /**
   * What a device's memory is used for, in MB. The total is the device's where it is known, else what its contexts may
   * use.
   * @param {string} deviceId
   * @param {{ contexts: ContextState[], members?: MemberPage[], totalBytes?: number }} state
   */
  memoryStats(deviceId, { contexts, members = [], totalBytes }) {
    this.sample(undefined, contexts);
    const mine = contexts.filter((context) => context.device === deviceId);
    if (mine.length === 0 && !this.#peaks.has(deviceId)) throw noSuchDevice(deviceId, contexts);
    const allocated = sumOf(mine, (context) => context.memoryUsage);
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
    const { render } = require('./prometheus'); // workers never need it
    return render(this.merged(), state, this.#workloads, this.programs());
  }
}

/** @returns {ProgramUse} */
function noUse() {
  return { programs: 0, bytes: 0, hits: 0, misses: 0, ms: 0 };
}

/**
 * @param {ProgramUse} sum
 * @param {Float64Array} page a member's
 */
function addUse(sum, page) {
  for (let n = 0; n < kMaxContexts; ++n) {
    const at = contextAt(n);
    sum.programs += plain(page[at + kPrograms]);
    sum.bytes += plain(page[at + kProgramBytes]);
    sum.hits += plain(page[at + kProgramHits]);
    sum.misses += plain(page[at + kProgramMisses]);
    sum.ms += plain(page[at + kCompileMs]);
  }
  return sum;
}

/** @param {number} value out of a page that a process may have written anything to */
function plain(value) {
  return value > 0 && value < Infinity ? value : 0;
}

/**
 * @param {number} sum
 * @param {number} count
 */
function meanOf(sum, count) {
  return count > 0 ? sum / count : 0;
}

/**
 * @param {ContextState[]} contexts
 * @returns {Map<string, number>}
 */
function allocatedByDevice(contexts) {
  const bytes = new Map();
  for (const { device, memoryUsage } of contexts) bytes.set(device, (bytes.get(device) ?? 0) + memoryUsage);
  return bytes;
}

/**
 * @param {string} deviceId
 * @param {ContextState[]} contexts
 */
function noSuchDevice(deviceId, contexts) {
  const known = new Set(contexts.map((context) => context.device));
  return invalid(`no context is on a device ${show(deviceId)}${suggestion(String(deviceId), known)}`);
}

/**
 * What members' pages say of the cards that contexts are on. Several members may tell of one card, at slightly
 * different times: the most of what they say, so that a card is never counted twice.
 * @param {ContextState[]} contexts
 * @param {MemberPage[]} members
 * @returns {Map<string, { utilization: number, usedBytes: number, totalBytes: number }>} by device; a utilization may
 *   be NaN
 */
function readCards(contexts, members) {
  const pages = new Map(members.map(({ workerId, page }) => [workerId, page]));
  const cards = new Map();
  for (const context of contexts) {
    const page = pages.get(context.workerId);
    const at = contextAt(slotOf(context));
    if (!page || !(page[at + kGpuTotalBytes] > 0)) continue;
    const card = cards.get(context.device) ?? { utilization: NaN, usedBytes: 0, totalBytes: 0 };
    card.utilization = mostKnown(card.utilization, page[at + kGpuUtilization]);
    card.usedBytes = mostKnown(card.usedBytes, page[at + kGpuUsedBytes]);
    card.totalBytes = mostKnown(card.totalBytes, page[at + kGpuTotalBytes]);
    cards.set(context.device, card);
  }
  return cards;
}

/** @param {ContextState} context */
function slotOf(context) {
  return context.slot ?? Number(context.id.slice(context.id.lastIndexOf('-') + 1));
}

/**
 * @param {number} a
 * @param {number} b
 */
function mostKnown(a, b) {
  return b >= a || Number.isNaN(a) ? b : a;
}

/** @param {ContextState} context */
function isActive(context) {
  return context.isActive ?? (context.state === 'idle' || context.state === 'busy');
}

/** @param {ContextState} context */
function reservedBy(context) {
  return context.reserved ?? context.memoryUsage;
}

/**
 * @template T
 * @param {T[]} list
 * @param {(item: T) => number} of
 */
function sumOf(list, of) {
  return list.reduce((sum, item) => sum + of(item), 0);
}

/** @param {number} bytes */
function megabytes(bytes) {
  return bytes / 2 ** 20;
}

/**
 * @param {Float64Array} view
 * @param {number} at
 */
function p50and99(view, at) {
  return { p50: quantile(view, at, 0.5), p99: quantile(view, at, 0.99) };
}

module.exports = { MetricsBlock, Metrics, layout, kMetricsSize, kCodes, kMaxWorkloads, readCards, reservedBy };
