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

module.exports = { kStages, page, stages, metricsAt, contextOf, plainBucket };
