// The one table of metrics. A row is all there is to say of one: from it follow its place in the blocks that processes
// fill, its sum over them, its figure in getMetrics(), the text for Prometheus and docs/metrics.md.
'use strict';
const { kCodes } = require('./codes');
const { reservedBy, residentIn, sumByDevice } = require('./contexts');
const { kKnownMetrics } = require('./known-table');
const { kOperationMetrics } = require('./operation-table');
const { inPage } = require('./status-page');
const { kTierStates } = require('../pressure');

/**
 * What the numbers come from when they are asked for.
 * @typedef {object} Source
 * @property {(place: string) => number} count a counter's number, summed over all processes
 * @property {(place: string) => Float64Array} counts one that has several numbers
 * @property {import('./metrics').MetricsState} state what the primary knows beyond the counters
 * @property {import('./program-use').ProgramUse} use
 * @property {Map<string, import('./cards').Card>} cards by device
 * @property {readonly string[]} workloads names, in the order of their numbers
 */
/** @typedef {[value: number, ...labels: string[]]} Sample the values of labels in the order of the row's `labels` */
/**
 * @typedef {object} Metric
 * @property {string} name without the prefix `switchyard_`
 * @property {boolean} [bare] it has no prefix: dashboards of others know it by this name
 * @property {'counter'|'gauge'|'histogram'|'summary'} kind summary: a sum and a count
 * @property {string} help
 * @property {readonly string[]} [labels]
 * @property {string} [place] what its numbers in a block are called there: see layout.js
 * @property {'code'|'workload'} [each] there is a number for each of these
 * @property {'duration'|'size'} [values] a histogram's: of durations, in ms, or of whole numbers
 * @property {number} [unit] what a number is divided by for the text
 * @property {(source: Source, metric: Metric) => Sample[]} [samples] the text's numbers, where they are not just those
 *   of its place; a NaN is not known, and left out
 * @property {(source: Source) => { sum: number, count: number }} [total] of a summary
 * @property {string} [figure] where getMetrics() has it: a counter as a number, a histogram as its p50 and p99
 */

const kAlwaysShown = ['ERR_WORKER_LOST', 'ERR_DEVICE_LOST', 'ERR_OUT_OF_MEMORY'];
const kContextStates = ['idle', 'busy', 'lost', 'starting'];

/** @type {readonly Metric[]} in the order of the text */
const kMetrics = [
  {
    name: 'requests_total',
    kind: 'counter',
    help: 'Jobs that have ended, by how.',
    labels: ['outcome'],
    place: 'kCompleted',
    samples: ({ count, counts }) => [
      [count('kCompleted'), 'completed'],
      [counts('kFailed').reduce((sum, n) => sum + n, 0), 'failed'],
    ],
  },
  {
    name: 'failures_total',
    kind: 'counter',
    help: 'Jobs that have failed, by error code.',
    labels: ['reason'],
    place: 'kFailed',
    each: 'code',
  },
  {
    name: 'retries_total',
    kind: 'counter',
    help: 'Runs that were begun again, by what had ended them.',
    labels: ['reason'],
    place: 'kRetried', // by the code that the job would have failed with
    each: 'code',
    samples: ({ counts }) =>
      Array.from(counts('kRetried'), (n, i) => /** @type {Sample} */ ([n, kCodes[i]])).filter(
        ([n, code]) => n > 0 || kAlwaysShown.includes(code),
      ),
  },
  {
    name: 'workload_jobs_total',
    kind: 'counter',
    help: 'Completed jobs, by type of workload.',
    labels: ['type'],
    place: 'kWorkloadJobs',
    each: 'workload',
  },
  {
    name: 'workload_compute_seconds_total',
    kind: 'counter',
    help: 'Compute time of completed jobs, by type of workload.',
    labels: ['type'],
    place: 'kWorkloadMs',
    each: 'workload',
    unit: 1000,
  },
  {
    name: 'cache_hits_total',
    kind: 'counter',
    help: 'Jobs answered by the run or the result of an equal one.',
    place: 'kCacheHits',
  },
  {
    name: 'cache_misses_total',
    kind: 'counter',
    help: 'Jobs that asked for the cache and had to run.',
    place: 'kCacheMisses',
  },
  {
    name: 'context_switches_total',
    kind: 'counter',
    help: 'Times that work went to another context than before.',
    place: 'kContextSwitches',
    figure: 'performance.contextSwitches',
  },
  {
    name: 'context_switch_seconds',
    kind: 'histogram',
    help: 'From the decision for another context to its first command.',
    place: 'kSwitch',
    values: 'duration',
    figure: 'performance.contextSwitchTime',
  },
  {
    name: 'request_duration_seconds',
    kind: 'histogram',
    help: 'From the call to the result, for jobs completed.',
    place: 'kRequest',
    values: 'duration',
    figure: 'performance.latency',
  },
  {
    name: 'queue_duration_seconds',
    kind: 'histogram',
    help: 'From the call until a context took the job.',
    place: 'kQueue',
    values: 'duration',
  },
  {
    name: 'upload_duration_seconds',
    kind: 'histogram',
    help: 'Moving inputs to the device.',
    place: 'kUpload',
    values: 'duration',
  },
  {
    name: 'compute_duration_seconds',
    kind: 'histogram',
    help: 'Computing on the device.',
    place: 'kCompute',
    values: 'duration',
  },
  {
    name: 'readback_duration_seconds',
    kind: 'histogram',
    help: 'Moving outputs back.',
    place: 'kReadback',
    values: 'duration',
  },
  {
    name: 'batch_size',
    kind: 'histogram',
    help: 'Jobs in one launch.',
    place: 'kBatch',
    values: 'size',
  },
  {
    name: 'pending',
    kind: 'gauge',
    help: 'Jobs that wait for a context.',
    samples: ({ state }) => [[state.pending]],
  },
  {
    name: 'running',
    kind: 'gauge',
    help: 'Jobs that a context has.',
    samples: ({ state }) => [[state.running]],
  },
  {
    name: 'oldest_pending_age_seconds',
    kind: 'gauge',
    help: 'How long the oldest of the waiting jobs has waited.',
    samples: ({ state }) => [[state.oldestPendingAgeMs / 1000]],
  },
  {
    name: 'worker_restarts_total',
    kind: 'counter',
    help: 'Workers started in place of others, by why those ended.',
    labels: ['reason'],
    samples: ({ state }) => Object.entries(state.restarts).map(([reason, n]) => [n, reason]),
  },
  {
    name: 'contexts',
    kind: 'gauge',
    help: 'Contexts, by state.',
    labels: ['state'],
    samples: ({ state: { contexts } }) =>
      kContextStates.map((name) => [contexts.filter(({ state }) => state === name).length, name]),
  },
  {
    name: 'gpu_memory_used_bytes',
    kind: 'gauge',
    help: 'Memory of the card in use, by all processes.',
    labels: ['device'],
    samples: ({ cards }) => Array.from(cards, ([device, { usedBytes }]) => [usedBytes, device]),
  },
  {
    name: 'gpu_memory_total_bytes',
    kind: 'gauge',
    help: 'Memory of the card.',
    labels: ['device'],
    samples: ({ cards }) => Array.from(cards, ([device, { totalBytes }]) => [totalBytes, device]),
  },
  {
    name: 'gpu_memory_pool_bytes',
    kind: 'gauge',
    help: "Memory of the device that this cluster's contexts hold.",
    labels: ['device'],
    samples: ({ state }) => Array.from(sumByDevice(state.contexts, reservedBy), ([device, bytes]) => [bytes, device]),
  },
  {
    name: 'resident_bytes',
    kind: 'gauge',
    help: 'Memory of sealed tensors that stay on the device between jobs, or are mapped there.',
    labels: ['device'],
    samples: ({ state }) => Array.from(sumByDevice(state.contexts, residentIn), ([device, bytes]) => [bytes, device]),
  },
  {
    name: 'gpu_utilization_ratio',
    kind: 'gauge',
    help: 'How much of the time the card was busy, for all processes.',
    labels: ['device'],
    samples: ({ cards }) => Array.from(cards, ([device, { utilization }]) => [utilization, device]),
  },
  {
    name: 'published_tensors',
    kind: 'gauge',
    help: 'Tensors that are published under a name.',
    samples: ({ state }) => [[state.published.count]],
  },
  {
    name: 'published_bytes',
    kind: 'gauge',
    help: 'Shared memory of the tensors that are published, without versions that others still hold.',
    samples: ({ state }) => [[state.published.bytes]],
  },
  {
    name: 'shared_tensors',
    kind: 'gauge',
    help: 'Shared tensors that some process holds, sealed or not, published ones and outputs of split jobs among them.',
    samples: ({ state }) => [[state.shared.count]],
  },
  {
    name: 'shared_bytes',
    kind: 'gauge',
    help: 'Shared memory of these: on the CPU, and where a device maps host memory, they are used where they lie.',
    samples: ({ state }) => [[state.shared.bytes]],
  },
  {
    name: 'memory_tier_bytes',
    kind: 'gauge',
    help: 'A tier of memory (device, host, disk), of whom it is, and what it uses and may use.',
    labels: ['tier', 'of', 'which'],
    samples: ({ state }) =>
      state.tiers.flatMap(({ tier, of, used, limit }) => [
        [used, tier, of, 'used'],
        [limit ?? NaN, tier, of, 'limit'],
      ]),
  },
  {
    name: 'memory_tier_state',
    kind: 'gauge',
    help: 'The state of a tier of memory: 0 normal, 1 high (from 60% of its limit), 2 recovery (from 80%).',
    labels: ['tier', 'of'],
    samples: ({ state }) => state.tiers.map((each) => [kTierStates.indexOf(each.state), each.tier, each.of]),
  },
  {
    name: 'memory_tier_full_seconds',
    kind: 'gauge',
    help: 'When a tier of memory will be full, if it goes on growing as lately; left out where it does not grow.',
    labels: ['tier', 'of'],
    samples: ({ state }) =>
      state.tiers.map(({ tier, of, fullInMs }) => [fullInMs === null ? NaN : fullInMs / 1000, tier, of]),
  },
  {
    name: 'event_loop_lag_seconds',
    kind: 'gauge',
    help: "How late the worker's last timer was.",
    labels: ['worker'],
    samples: ({ state }) => state.members.map(({ workerId, page }) => [page[inPage.loopLag] / 1000, String(workerId)]),
  },
  {
    name: 'heartbeat_age_seconds',
    kind: 'gauge',
    help: 'When the worker last showed life: its JavaScript loop, and the threads of its contexts.',
    labels: ['worker', 'which'],
    samples: ({ state }) =>
      state.members.flatMap(({ workerId, page }) => [
        [ageSeconds(state.now, page[inPage.loopBeat]), String(workerId), 'loop'],
        [ageSeconds(state.now, page[inPage.executorBeat]), String(workerId), 'device'],
      ]),
  },
  {
    name: 'programs',
    kind: 'gauge',
    help: 'Compiled programs that contexts hold.',
    samples: ({ use }) => [[use.programs]],
  },
  {
    name: 'program_bytes',
    kind: 'gauge',
    help: 'Memory of the compiled programs that contexts hold.',
    samples: ({ use }) => [[use.bytes]],
  },
  {
    name: 'program_cache_hits_total',
    kind: 'counter',
    help: 'Jobs whose program their context had.',
    samples: ({ use }) => [[use.hits]],
  },
  {
    name: 'program_cache_misses_total',
    kind: 'counter',
    help: 'Jobs whose program their context had to make.',
    samples: ({ use }) => [[use.misses]],
  },
  {
    name: 'program_compile_seconds_total',
    kind: 'counter',
    help: 'What making programs took the devices.',
    samples: ({ use }) => [[use.ms / 1000]],
  },
  ...kOperationMetrics,
  ...kKnownMetrics,
];

/**
 * @param {number} now
 * @param {number} beat 0: it has not begun
 */
function ageSeconds(now, beat) {
  return beat > 0 ? Math.max(0, now - beat) / 1000 : NaN;
}

module.exports = { kMetrics };
