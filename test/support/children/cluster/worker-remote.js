// Asked in a worker, every job goes over the coordinator: ENABLE_GPU_OPTIMIZATIONS=false. Only the other worker has a
// context.
'use strict';
const { assert } = require('../../assertions');
const { scale } = require('../../jobs');

const common = require('./common');
exports.options = { workers: 2, contextTypes: ['cpu'], contextsPerWorker: 1 };
exports.inWorker = {
  run: async (trial, name) => {
    await common[name](trial);
  },
  away: async ({ manager }, id) => {
    const { workerId } = await manager.executeWorkload(scale(new Float32Array(5000)), { affinity: 'away' });
    return workerId === id;
  },
};
exports.cases = {
  ...Object.fromEntries(Object.keys(common).map((name) => [name, (trial) => trial.call(0, 'run', name)])),
  'it is the other process that runs a job with its affinity': async (trial) => {
    const at = await Promise.all(trial.workers.map((worker) => trial.call(worker, 'away', worker.id)));
    assert.equal(at.filter(Boolean).length, 1);
  },
};
