// The figures of getMetrics(): those that are a metric of the table, and those that are worked out from several.
'use strict';
const { kMetrics } = require('./table');
const { layout } = require('./layout');
const { quantile } = require('./histogram');
const { isActive, usedBy, residentIn, sumOf, megabytes } = require('./contexts');

/**
 * @typedef {object} FigureSource
 * @property {readonly import('./contexts').ContextState[]} contexts
 * @property {number} queueDepth
 * @property {number} running
 * @property {number} oldestPendingAgeMs
 * @property {Record<'latency'|'queued'|'switchTime', { p50: number, p99: number }>} recent of the last ten seconds
 * @property {{ count: number, ms: number }} compiled sources that were compiled
 * @property {import('./metrics').TensorUse} published
 * @property {import('./metrics').TensorUse} shared
 * @property {import('./program-use').ProgramUse} use
 * @property {import('./metrics').OperationsUse} operations
 * @property {number} jobsPerSecond
 * @property {number} frameRate
 * @property {number} frameMs of compute a second
 * @property {Float64Array} view the sum of all blocks
 */
/**
 * @typedef {object} Figure
 * @property {string} path where it stands in the answer
 * @property {string} what with its unit
 * @property {string} type in TypeScript
 * @property {(source: FigureSource) => unknown} of
 */

/** @type {readonly Figure[]} */
const kWorkedOut = [
  figure('totalContexts', 'contexts, whatever their state', ({ contexts }) => contexts.length),
  figure('activeContexts', 'contexts that take jobs', ({ contexts }) => contexts.filter(isActive).length),
  figure('totalShaders', 'compiled programs that contexts hold', ({ use }) => use.programs),
  figure('cacheHitRate', 'how many jobs of a program found it compiled, in per cent', ({ use: { hits, misses } }) =>
    hits + misses > 0 ? (hits / (hits + misses)) * 100 : 0,
  ),
  figure(
    'compilationTime',
    "what a new program takes, in ms: its source, and then a device's part of it",
    ({ compiled, use }) => meanOf(compiled.ms, compiled.count) + meanOf(use.ms, use.misses),
  ),
  figure('memoryUsage.total', 'device memory in use, in MB', ({ contexts, use }) =>
    megabytes(sumOf(contexts, usedBy) + use.bytes),
  ),
  figure('memoryUsage.perContext', 'device memory that a context uses, on average, in MB', ({ contexts }) =>
    megabytes(meanOf(sumOf(contexts, usedBy), contexts.length)),
  ),
  {
    ...figure('memoryUsage.contexts', 'the same of each, by its id, in MB', ({ contexts }) =>
      Object.fromEntries(contexts.map((context) => [context.id, megabytes(context.memoryUsage)])),
    ),
    type: 'Record<string, number>',
  },
  figure('memoryUsage.resident', 'sealed tensors that stay on devices between jobs, in MB', ({ contexts }) =>
    megabytes(sumOf(contexts, residentIn)),
  ),
  figure('memoryUsage.shaderCache', 'memory of compiled programs, in MB', ({ use }) => megabytes(use.bytes)),
  figure('memoryUsage.published', 'shared memory of the tensors that are published, in MB', ({ published }) =>
    megabytes(published.bytes),
  ),
  figure(
    'memoryUsage.shared',
    'shared memory of all tensors that processes hold, sealed or not, and of outputs of split jobs, in MB',
    ({ shared }) => megabytes(shared.bytes),
  ),
  figure('performance.frameRate', 'pictures a second, over the last ten', ({ frameRate }) => frameRate),
  figure('performance.renderTime', 'compute time of a picture, in ms', ({ frameMs, frameRate }) =>
    meanOf(frameMs, frameRate),
  ),
  figure('performance.jobsPerSecond', 'jobs a second, over the last ten', ({ jobsPerSecond }) => jobsPerSecond),
  figure('performance.queueDepth', 'jobs that wait for a context', ({ queueDepth }) => queueDepth),
  figure('performance.running', 'jobs that a context has', ({ running }) => running),
  figure(
    'performance.queueAge',
    'how long the oldest of the waiting jobs has waited, in ms',
    (source) => source.oldestPendingAgeMs,
  ),
  recent('latency', 'from the call to the result', ({ latency }) => latency),
  recent('queueTime', 'from the call until a context took the job', ({ queued }) => queued),
  recent('contextSwitchTime', 'from the decision for another context to its first command', (all) => all.switchTime),
  operation('resultCache', 'kept results', 'ResultCacheUse'),
  operation('costs', 'what jobs cost', 'CostUse'),
  operation('alerts', 'the alerts of the settings', 'AlertState[]'),
  operation('degradation', 'what is given up under overload', 'Degradation'),
];

/** @type {readonly Figure[]} */
const kOfMetrics = kMetrics.flatMap(({ figure: path, help, kind, place }) => {
  if (path === undefined || place === undefined) return [];
  const at = layout[place];
  const what = `${help[0].toLowerCase()}${help.slice(1, -1)}`;
  return kind === 'histogram'
    ? { path, what: `${what}, in ms`, type: 'Percentiles', of: ({ view }) => p50and99(view, at) }
    : { path, what, type: 'number', of: ({ view }) => view[at] };
});

const kFigures = [...kWorkedOut, ...kOfMetrics];

/**
 * @param {string} path
 * @param {string} what
 * @param {(source: FigureSource) => unknown} of
 * @returns {Figure}
 */
function figure(path, what, of) {
  return { path, what, type: 'number', of };
}

/**
 * @param {string} name
 * @param {string} what
 * @param {(recent: FigureSource['recent']) => { p50: number, p99: number }} of
 * @returns {Figure}
 */
function recent(name, what, of) {
  return {
    path: `performance.recent.${name}`,
    what: `${what}, of the last ten seconds, in ms; 0: there was none`,
    type: 'Percentiles',
    of: (source) => of(source.recent),
  };
}

/**
 * One of operations, as it is.
 * @param {'resultCache'|'costs'|'alerts'|'degradation'} path
 * @param {string} what
 * @param {string} type of lib/types/operations.d.ts
 * @returns {Figure}
 */
function operation(path, what, type) {
  return { path, what, type, of: ({ operations }) => operations[path] };
}

/**
 * @param {number} sum
 * @param {number} count
 */
function meanOf(sum, count) {
  return count > 0 ? sum / count : 0;
}

/**
 * @param {Float64Array} view
 * @param {number} at
 */
function p50and99(view, at) {
  return { p50: quantile(view, at, 0.5), p99: quantile(view, at, 0.99) };
}

/**
 * @param {FigureSource} source
 * @returns {import('../generated').GPUClusterMetrics}
 */
function figuresOf(source) {
  /**
   * As nested as the paths are.
   * @typedef {{ [name: string]: Group|ReturnType<(typeof kFigures)[number]['of']> }} Group
   */
  /** @type {Group} */
  const answer = {};
  for (const { path, of } of kFigures) {
    const names = path.split('.');
    const last = /** @type {string} */ (names.pop());
    let group = answer;
    for (const name of names) group = /** @type {Group} */ (group[name] ??= {});
    group[last] = of(source);
  }
  return /** @type {import('../generated').GPUClusterMetrics} */ (/** @type {unknown} */ (answer));
}

module.exports = { kFigures, figuresOf };
