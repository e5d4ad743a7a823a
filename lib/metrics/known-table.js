// The rows of the table of metrics (table.js) that stand under names of their own, without our prefix: those that
// dashboards for services of models ask for. What costs is there where costs are in US dollars.
'use strict';
const { kSizeSum } = require('./histogram');

/** @typedef {import('./table').Source} Source */
/** @typedef {import('./table').Sample} Sample */

/**
 * @param {(costs: Source['state']['operations']['costs']) => number} of
 * @returns {(source: Source) => Sample[]}
 */
function dollars(of) {
  return ({ state: { operations } }) => (operations.costs.currency === 'USD' ? [[of(operations.costs)]] : []);
}

/**
 * @param {number} workerId
 * @param {readonly import('./contexts').ContextState[]} contexts
 */
function pendingOf(workerId, contexts) {
  return contexts.reduce((sum, each) => (each.workerId === workerId ? sum + (each.pending ?? 0) : sum), 0);
}

/**
 * Of all jobs those that were not alone.
 * @param {Float64Array} sizes the histogram of launches by their jobs
 */
function joinedIn(sizes) {
  return sizes[kSizeSum] - sizes[0];
}

/** @type {readonly import('./table').Metric[]} in the order of the text */
const kKnownMetrics = [
  {
    name: 'llm_cost_usd_total',
    bare: true,
    kind: 'counter',
    help: 'What jobs have cost, in US dollars.',
    samples: dollars(({ now }) => now.cost),
  },
  {
    name: 'llm_cost_per_request_usd',
    bare: true,
    kind: 'gauge',
    help: 'What a job has cost on average, in US dollars.',
    samples: dollars(({ now }) => (now.jobs > 0 ? now.cost / now.jobs : NaN)),
  },
  {
    name: 'cache_savings_usd_total',
    bare: true,
    kind: 'counter',
    help: 'What kept results have saved, in US dollars.',
    samples: dollars(({ saved }) => saved.cache),
  },
  {
    name: 'model_routing_savings_usd_total',
    bare: true,
    kind: 'counter',
    help: 'What cheaper devices have saved, in US dollars.',
    samples: dollars(({ saved }) => saved.routing),
  },
  {
    name: 'tiered_cache_hits_total',
    bare: true,
    kind: 'counter',
    help: 'Jobs answered by a kept result, by the tier that had it.',
    labels: ['tier'],
    samples: ({ state }) => state.operations.resultCache.tiers.map(({ name, hits }) => [hits, name]),
  },
  {
    name: 'compilation_duration_seconds',
    bare: true,
    kind: 'summary',
    help: 'What compiling a source took.',
    total: ({ state: { compiled } }) => ({ sum: compiled.ms / 1000, count: compiled.count }),
  },
  {
    name: 'worker_queue_depth',
    bare: true,
    kind: 'gauge',
    help: "Jobs that a worker's contexts have.",
    labels: ['worker'],
    samples: ({ state }) =>
      state.members.map(({ workerId }) => [pendingOf(workerId, state.contexts), String(workerId)]),
  },
  {
    name: 'gpu_utilization_percent',
    bare: true,
    kind: 'gauge',
    help: 'How much of the time the card was busy, for all processes.',
    labels: ['device'],
    samples: ({ cards }) => Array.from(cards, ([device, { utilization }]) => [utilization * 100, device]),
  },
  {
    name: 'batch_processing_requests_total',
    bare: true,
    kind: 'counter',
    help: 'Jobs that ran in one launch with others.',
    samples: ({ counts }) => [[joinedIn(counts('kBatch'))]],
  },
];

module.exports = { kKnownMetrics };
