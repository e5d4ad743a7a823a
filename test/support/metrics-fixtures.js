// For the tests of metrics: status pages, timings, a clock that stands still, contexts, and buckets found plainly.
'use strict';
const { Metrics, layout } = require('../../lib/metrics/metrics');
const status = require('../../lib/metrics/status-page');

const kStages = {
  queued: layout.kQueue,
  upload: layout.kUpload,
  compute: layout.kCompute,
  readback: layout.kReadback,
  total: layout.kRequest,
};

const page = () => new Float64Array(new SharedArrayBuffer(status.inPage.numbers * 8));

const stages = (ms) => ({ queued: ms, switch: 0, upload: ms, compute: ms, readback: ms, total: ms });

const metricsAt = (options = {}) => {
  const clock = { ms: 1e6 };
  return { clock, metrics: new Metrics({ now: () => clock.ms, ...options }) };
};

const contextOf = (id, device, more = {}) => {
  const [workerId, contextType] = id.split('-');
  return {
    id,
    workerId: Number(workerId),
    contextType,
    device,
    state: 'idle',
    memoryUsage: 0,
    memoryLimit: 2 ** 29,
    reserved: 0,
    ...more,
  };
};

// The plain way to do what the library does fast.
function plainBucket(bounds, value) {
  const i = bounds.findIndex((bound) => value <= bound);
  return i < 0 ? bounds.length : i;
}

const kCost = { jobs: 3, seconds: 1.5, cost: 0.75 };
const kGivenUp = ['none', 'no-prefetch', 'small-batches', 'refuse-low'];
/** What lib/operations/ says of itself. */
const kOperations = {
  resultCache: {
    tiers: [
      { name: 'memory', entries: 3, bytes: 300, limit: 1000, hits: 5, misses: 7, state: 'ok' },
      { name: 'redis', entries: null, bytes: null, limit: null, hits: 2, misses: 5, state: 'away' },
      { name: 'disk', entries: 0, bytes: 0, limit: null, hits: 0, misses: 0, state: 'off' },
    ],
  },
  costs: {
    currency: 'EUR',
    now: kCost,
    saved: { cache: 1, batching: 2, routing: 3 },
    hour: kCost,
    day: kCost,
    byDevice: {},
    byWorkload: {},
    byCaller: {},
    byToken: {},
    byModel: {},
    savings: { cache: 1, batching: 2, routing: 3 },
    budgets: [{ name: 'all', period: 'day', limit: 10, spent: 0.75, state: 'ok', resetsAt: 1 }],
  },
  alerts: [
    { name: 'slow', metric: 'latency', state: 'firing', since: 1, value: 600, threshold: 500 },
    { name: 'hot', metric: 'temperature', state: 'unknown', since: 1, value: null, threshold: 80 },
  ],
  degradation: { stage: 'small-batches', stages: kGivenUp, since: 1, refused: 4, refusedBelow: null },
};

module.exports = { kOperations, kStages, page, stages, metricsAt, contextOf, plainBucket };
