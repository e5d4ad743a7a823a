// The cluster's metrics as the text that Prometheus reads. The numbers exist already when they are asked for, so
// prom-client gets objects that hand them out instead of its own counters, and writes the text.
'use strict';
const { Registry } = require('prom-client');
const { kDurationBuckets, kDurationSum, kSizeBuckets, kSizeSum, kShownDurations, kShownSizes } = require('./histogram');
const { kMetrics } = require('./table');
const { kCodes } = require('./codes');
const { layout, sizes, kMaxWorkloads } = require('./layout');
const { readCards } = require('./cards');

/** @typedef {import('./table').Metric} Metric */
/** @typedef {import('./table').Source} Source */
/** @typedef {import('./table').Sample} Sample */
/** @typedef {{ value: number, labels: Record<string, string|number>, metricName?: string }} Value */

const kPrefix = 'switchyard_';

/**
 * @param {Metric} metric
 * @param {Source} source
 * @returns {Value[]}
 */
function valuesOf(metric, source) {
  if (metric.kind === 'histogram') return bucketsOf(metric, source);
  if (metric.total) return sumAndCount(nameOf(metric), metric.total(source));
  const { labels: names = [], unit = 1, samples = samplesOfPlace } = metric;
  return samples(source, metric)
    .filter(([value]) => metric.kind !== 'gauge' || Number.isFinite(value)) // NaN: not known
    .map(([value, ...labels]) => ({
      value: value / unit,
      labels: Object.fromEntries(names.map((name, i) => [name, labels[i]])),
    }));
}

/**
 * @param {string} name
 * @param {{ sum: number, count: number }} total
 * @returns {Value[]}
 */
function sumAndCount(name, { sum, count }) {
  return [
    { value: sum, labels: {}, metricName: `${name}_sum` },
    { value: count, labels: {}, metricName: `${name}_count` },
  ];
}

/**
 * What Prometheus knows a row by.
 * @param {Pick<Metric, 'name'|'bare'>} metric
 */
function nameOf({ name, bare }) {
  return bare ? name : `${kPrefix}${name}`;
}

/**
 * A row's own numbers.
 * @param {Source} source
 * @param {Metric} metric
 * @returns {Sample[]}
 */
function samplesOfPlace(source, { place = '', each }) {
  if (each === 'code') return Array.from(source.counts(place), (n, i) => [n, kCodes[i]]);
  if (each !== 'workload') return [[source.count(place)]];
  const jobs = source.counts('kWorkloadJobs');
  return Array.from(source.counts(place), (n, i) => /** @type {Sample} */ ([n, workloadName(source, i)])).filter(
    (_, i) => jobs[i] > 0,
  );
}

/**
 * @param {Source} source
 * @param {number} i
 */
function workloadName({ workloads }, i) {
  return i === kMaxWorkloads - 1 ? 'other' : (workloads[i] ?? `workload-${i}`);
}

/**
 * @param {Metric} metric
 * @param {Source} source
 * @returns {Value[]} the shown bounds, the sum and the count
 */
function bucketsOf({ name, values: of, place = '' }, source) {
  const numbers = source.counts(place);
  const durations = of === 'duration';
  const shown = durations ? kShownDurations : kShownSizes;
  const full = `${kPrefix}${name}`;
  /** @type {Value[]} */
  const values = [];
  let count = 0,
    next = 0;
  for (let i = 0; i < (durations ? kDurationBuckets : kSizeBuckets); ++i) {
    count += numbers[i];
    if (next >= shown.length || shown[next].bucket !== i) continue;
    values.push({ value: count, labels: { le: shown[next++].bound }, metricName: `${full}_bucket` });
  }
  const sum = durations ? numbers[kDurationSum] / 1000 : numbers[kSizeSum]; // in the unit of the bounds
  values.push({ value: count, labels: { le: '+Inf' }, metricName: `${full}_bucket` });
  values.push({ value: sum, labels: {}, metricName: `${full}_sum` });
  values.push({ value: count, labels: {}, metricName: `${full}_count` });
  return values;
}

/**
 * @param {Float64Array} view the sum of all blocks
 * @param {import('./metrics').MetricsState} state
 * @param {readonly string[]} workloads names, in the order of their numbers
 * @param {import('./program-use').ProgramUse} use
 * @returns {Promise<string>} in the text format 0.0.4
 */
function render(view, state, workloads, use) {
  /** @type {Source} */
  const source = {
    count: (place) => view[layout[place]],
    counts: (place) => view.subarray(layout[place], layout[place] + sizes[place]),
    state,
    use,
    cards: readCards(state.contexts, state.members),
    workloads,
  };
  const registry = new Registry(); // not prom-client's global one, which is the application's
  for (const metric of kMetrics) {
    const { kind: type, help } = metric;
    const name = nameOf(metric);
    const family = { name, type, help, values: valuesOf(metric, source), aggregator: 'sum' };
    // All that a registry asks of a metric to write it.
    const asked = /** @type {unknown} */ ({ name, type, get: async () => family });
    registry.registerMetric(/** @type {import('prom-client').Metric} */ (asked));
  }
  return registry.metrics();
}

module.exports = { render, nameOf, kContentType: Registry.PROMETHEUS_CONTENT_TYPE };
