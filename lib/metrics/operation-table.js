// The rows of the table of metrics (table.js) that are about operations: kept results, costs, alerts, overload.
'use strict';

/** @typedef {import('./table').Source} Source */

/** @param {Source} source */
const tiersOf = ({ state }) => state.operations.resultCache.tiers;
/** @param {Source} source */
const costsOf = ({ state }) => state.operations.costs;

/** @type {readonly import('./table').Metric[]} in the order of the text */
const kOperationMetrics = [
  {
    name: 'result_cache_hits_total',
    kind: 'counter',
    help: 'Jobs answered by a kept result, by the tier that had it.',
    labels: ['tier'],
    samples: (source) => tiersOf(source).map(({ name, hits }) => [hits, name]),
  },
  {
    name: 'result_cache_misses_total',
    kind: 'counter',
    help: 'Jobs that a tier of kept results had no answer for.',
    labels: ['tier'],
    samples: (source) => tiersOf(source).map(({ name, misses }) => [misses, name]),
  },
  {
    name: 'result_cache_bytes',
    kind: 'gauge',
    help: 'What kept results take, where the tier says it.',
    labels: ['tier'],
    samples: (source) => tiersOf(source).map(({ name, bytes }) => [bytes ?? NaN, name]),
  },
  {
    name: 'result_cache_entries',
    kind: 'gauge',
    help: 'Results that are kept, where the tier says it.',
    labels: ['tier'],
    samples: (source) => tiersOf(source).map(({ name, entries }) => [entries ?? NaN, name]),
  },
  {
    name: 'result_cache_up',
    kind: 'gauge',
    help: 'Whether a tier of kept results that is configured works: 1 or 0.',
    labels: ['tier'],
    samples: (source) =>
      tiersOf(source).map(({ name, state }) => [state === 'off' ? NaN : Number(state === 'ok'), name]),
  },
  {
    name: 'device_seconds_total',
    kind: 'counter',
    help: 'Seconds of devices that jobs took.',
    samples: (source) => [[costsOf(source).now.seconds]],
  },
  {
    name: 'cost_total',
    kind: 'counter',
    help: 'What jobs have cost, by the setting prices.',
    labels: ['currency'],
    samples: (source) => [[costsOf(source).now.cost, costsOf(source).currency]],
  },
  {
    name: 'saved_cost_total',
    kind: 'counter',
    help: 'What jobs would have cost without kept results, joined launches and cheaper devices.',
    labels: ['by', 'currency'],
    samples: (source) =>
      Object.entries(costsOf(source).saved).map(([by, saved]) => [saved, by, costsOf(source).currency]),
  },
  {
    name: 'budget_spent',
    kind: 'gauge',
    help: 'What is spent of a budget in its period.',
    labels: ['budget', 'period'],
    samples: (source) => costsOf(source).budgets.map(({ name, period, spent }) => [spent, name, period]),
  },
  {
    name: 'budget_limit',
    kind: 'gauge',
    help: 'What may be spent of a budget in its period.',
    labels: ['budget', 'period'],
    samples: (source) => costsOf(source).budgets.map(({ name, period, limit }) => [limit, name, period]),
  },
  {
    name: 'alert_firing',
    kind: 'gauge',
    help: 'Whether an alert of the settings is raised: 1 or 0.',
    labels: ['alert'],
    samples: ({ state }) => state.operations.alerts.map((alert) => [Number(alert.state === 'firing'), alert.name]),
  },
  {
    name: 'degradation_stage',
    kind: 'gauge',
    help: 'What is given up under overload: 0 nothing, 1 prefetch, 2 large batches, 3 jobs of low priority.',
    samples: ({ state }) => {
      const { stage, stages } = state.operations.degradation;
      return [[stages.indexOf(stage)]];
    },
  },
  {
    name: 'overload_refused_total',
    kind: 'counter',
    help: 'Jobs refused for their priority under overload.',
    samples: ({ state }) => [[state.operations.degradation.refused]],
  },
];

module.exports = { kOperationMetrics };
