// The cluster's metrics as the text that Prometheus reads. The numbers exist already when they are asked for, so
// prom-client gets objects that hand them out instead of its own counters, and writes the text.
'use strict';
const { Registry } = require('prom-client');
const { kDurationBuckets, kDurationSum, kSizeBuckets, kSizeSum, kShownDurations, kShownSizes } = require('./histogram');
const { layout, kCodes, kMaxWorkloads, readCards, reservedBy } = require('./metrics');
const { kLoopBeat, kExecutorBeat, kLoopLag } = require('./status-page');

/** @typedef {import('./metrics').MetricsBlock} MetricsBlock */
/** @typedef {import('./metrics').MetricsState} MetricsState */
/** @typedef {{ value: number, labels: Record<string, string|number>, metricName?: string }} Value */
/**
 * @typedef {{ name: string, type: 'counter'|'gauge'|'histogram', help: string, values: Value[], aggregator: 'sum' }}
 *   Family
 */

const kContextStates = ['idle', 'busy', 'lost', 'starting'];

/**
 * @param {number} value
 * @param {Record<string, string|number>} [labels]
 * @returns {Value}
 */
function sample(value, labels = {}) {
  return { value, labels };
}

/**
 * @param {string} name
 * @param {string} help
 * @param {Value[]} values
 * @returns {Family}
 */
function counter(name, help, values) {
  return { name: `switchyard_${name}`, type: 'counter', help, values, aggregator: 'sum' };
}

/**
 * @param {string} name
 * @param {string} help
 * @param {Value[]} values those that are not known (NaN) are left out
 * @returns {Family}
 */
function gauge(name, help, values) {
  return {
    name: `switchyard_${name}`,
    type: 'gauge',
    help,
    values: values.filter(({ value }) => Number.isFinite(value)),
    aggregator: 'sum',
  };
}

/**
 * @param {string} name
 * @param {string} help
 * @param {ArrayLike<number>} buckets a count for each, then the sum
 * @param {{ bucket: number, bound: number }[]} shown
 * @param {number} sum in the unit of the bounds
 * @returns {Family}
 */
function histogram(name, help, buckets, shown, sum) {
  const full = `switchyard_${name}`;
  /** @type {Value[]} */
  const values = [];
  let count = 0,
    next = 0;
  for (let i = 0; i < buckets.length; ++i) {
    count += buckets[i];
    if (next >= shown.length || shown[next].bucket !== i) continue;
    values.push({ value: count, labels: { le: shown[next++].bound }, metricName: `${full}_bucket` });
  }
  values.push({ value: count, labels: { le: '+Inf' }, metricName: `${full}_bucket` });
  values.push({ value: sum, labels: {}, metricName: `${full}_sum` });
  values.push({ value: count, labels: {}, metricName: `${full}_count` });
  return { name: full, type: 'histogram', help, values, aggregator: 'sum' };
}

/**
 * @param {string} name
 * @param {string} help
 * @param {Float64Array} view
 * @param {number} at
 */
function durations(name, help, view, at) {
  return histogram(
    name,
    help,
    view.subarray(at, at + kDurationBuckets),
    kShownDurations,
    view[at + kDurationSum] / 1000,
  );
}

/**
 * @param {MetricsBlock} block
 * @param {readonly string[]} workloads
 * @returns {Family[]}
 */
function counted({ view }, workloads) {
  const failures = Array.from(view.subarray(layout.kFailed, layout.kFailed + kCodes.length));
  return [
    counter('requests_total', 'Jobs that have ended, by how.', [
      sample(view[layout.kCompleted], { outcome: 'completed' }),
      sample(
        failures.reduce((sum, n) => sum + n, 0),
        { outcome: 'failed' },
      ),
    ]),
    counter(
      'failures_total',
      'Jobs that have failed, by error code.',
      failures.map((n, i) => sample(n, { reason: kCodes[i] })),
    ),
    counter('retries_total', 'Runs that were begun again, by what had ended them.', retries(view)),
    counter('workload_jobs_total', 'Completed jobs, by type of workload.', byWorkload(view, workloads, 0, 1)),
    counter(
      'workload_compute_seconds_total',
      'Compute time of completed jobs, by type of workload.',
      byWorkload(view, workloads, 1, 1000),
    ),
    counter('cache_hits_total', 'Jobs answered by the run or the result of an equal one.', [
      sample(view[layout.kCacheHits]),
    ]),
    counter('cache_misses_total', 'Jobs that asked for the cache and had to run.', [sample(view[layout.kCacheMisses])]),
    counter('context_switches_total', 'Times that work went to another context than before.', [
      sample(view[layout.kContextSwitches]),
    ]),
    durations(
      'context_switch_seconds',
      'From the decision for another context to its first command.',
      view,
      layout.kSwitch,
    ),
    durations('request_duration_seconds', 'From the call to the result, for jobs completed.', view, layout.kRequest),
    durations('queue_duration_seconds', 'From the call until a context took the job.', view, layout.kQueue),
    durations('upload_duration_seconds', 'Moving inputs to the device.', view, layout.kUpload),
    durations('compute_duration_seconds', 'Computing on the device.', view, layout.kCompute),
    durations('readback_duration_seconds', 'Moving outputs back.', view, layout.kReadback),
    histogram(
      'batch_size',
      'Jobs in one launch.',
      view.subarray(layout.kBatch, layout.kBatch + kSizeBuckets),
      kShownSizes,
      view[layout.kBatch + kSizeSum],
    ),
  ];
}

/** @param {Float64Array} view */
function retries(view) {
  return kCodes
    .map((code, i) => ({ code, n: view[layout.kRetried + i] }))
    .filter(
      ({ code, n }) =>
        n > 0 || code === 'ERR_WORKER_LOST' || code === 'ERR_DEVICE_LOST' || code === 'ERR_OUT_OF_MEMORY',
    )
    .map(({ code, n }) => sample(n, { reason: code }));
}

/**
 * @param {Float64Array} view
 * @param {readonly string[]} workloads
 * @param {number} which 0: how many; 1: their time
 * @param {number} unit
 */
function byWorkload(view, workloads, which, unit) {
  const values = [];
  for (let i = 0; i < kMaxWorkloads; ++i) {
    if (view[layout.kWorkloads + 2 * i] === 0) continue;
    const type = i === kMaxWorkloads - 1 ? 'other' : (workloads[i] ?? `workload-${i}`);
    values.push(sample(view[layout.kWorkloads + 2 * i + which] / unit, { type }));
  }
  return values;
}

/**
 * @param {MetricsState} state
 * @returns {Family[]}
 */
function current(state) {
  const { contexts } = state;
  return [
    gauge('pending', 'Jobs that wait for a context.', [sample(state.pending)]),
    gauge('running', 'Jobs that a context has.', [sample(state.running)]),
    gauge('oldest_pending_age_seconds', 'How long the oldest of the waiting jobs has waited.', [
      sample(state.oldestPendingAgeMs / 1000),
    ]),
    counter(
      'worker_restarts_total',
      'Workers started in place of others, by why those ended.',
      Object.entries(state.restarts).map(([reason, n]) => sample(n, { reason })),
    ),
    gauge(
      'contexts',
      'Contexts, by state.',
      kContextStates.map((name) =>
        sample(contexts.filter((context) => context.state === name).length, { state: name }),
      ),
    ),
  ];
}

/**
 * @param {MetricsState} state
 * @returns {Family[]}
 */
function ofCards({ contexts, members }) {
  const cards = [...readCards(contexts, members)];
  /** @type {Map<string, number>} */
  const pools = new Map();
  for (const context of contexts) pools.set(context.device, (pools.get(context.device) ?? 0) + reservedBy(context));
  return [
    gauge(
      'gpu_memory_used_bytes',
      'Memory of the card in use, by all processes.',
      cards.map(([device, card]) => sample(card.usedBytes, { device })),
    ),
    gauge(
      'gpu_memory_total_bytes',
      'Memory of the card.',
      cards.map(([device, card]) => sample(card.totalBytes, { device })),
    ),
    gauge(
      'gpu_memory_pool_bytes',
      "Memory of the device that this cluster's contexts hold.",
      [...pools].map(([device, bytes]) => sample(bytes, { device })),
    ),
    gauge(
      'gpu_utilization_ratio',
      'How much of the time the card was busy, for all processes.',
      cards.map(([device, card]) => sample(card.utilization, { device })),
    ),
  ];
}

/**
 * @param {MetricsState} state
 * @returns {Family[]}
 */
function ofMembers({ now, members }) {
  const age = (/** @type {number} */ beat) => (beat > 0 ? Math.max(0, now - beat) / 1000 : NaN); // NaN: has not begun
  return [
    gauge(
      'event_loop_lag_seconds',
      "How late the worker's last timer was.",
      members.map(({ workerId, page }) => sample(page[kLoopLag] / 1000, { worker: String(workerId) })),
    ),
    gauge(
      'heartbeat_age_seconds',
      'When the worker last showed life: its JavaScript loop, and the threads of its contexts.',
      members.flatMap(({ workerId, page }) => [
        sample(age(page[kLoopBeat]), { worker: String(workerId), which: 'loop' }),
        sample(age(page[kExecutorBeat]), { worker: String(workerId), which: 'device' }),
      ]),
    ),
  ];
}

/** @param {import('./metrics').ProgramUse} use */
function ofPrograms({ programs, bytes, hits, misses, ms }) {
  return [
    gauge('programs', 'Compiled programs that contexts hold.', [sample(programs)]),
    gauge('program_bytes', 'Memory of the compiled programs that contexts hold.', [sample(bytes)]),
    counter('program_cache_hits_total', 'Jobs whose program their context had.', [sample(hits)]),
    counter('program_cache_misses_total', 'Jobs whose program their context had to make.', [sample(misses)]),
    counter('program_compile_seconds_total', 'What making programs took the devices.', [sample(ms / 1000)]),
  ];
}

/**
 * @param {MetricsBlock} block
 * @param {MetricsState} state
 * @param {readonly string[]} workloads
 * @param {import('./metrics').ProgramUse} use
 * @returns {Promise<string>}
 */
function render(block, state, workloads, use) {
  const registry = new Registry(); // not prom-client's global one, which is the application's
  for (const family of [
    ...counted(block, workloads),
    ...current(state),
    ...ofCards(state),
    ...ofMembers(state),
    ...ofPrograms(use),
  ]) {
    // All that a registry asks of a metric to write it.
    registry.registerMetric(/** @type {any} */ ({ name: family.name, type: family.type, get: async () => family }));
  }
  return registry.metrics();
}

module.exports = { render, kContentType: Registry.PROMETHEUS_CONTENT_TYPE };
