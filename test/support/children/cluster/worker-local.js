// Asked in a worker, which takes on its own context what it can.
'use strict';
const { assert } = require('../../assertions');

const common = require('./common');
exports.options = { workers: 1, contextTypes: ['cpu'], contextsPerWorker: 1 };
exports.inWorker = {
  run: async (trial, name) => {
    await common[name](trial);
  },
  role: ({ manager }) => [manager.role, manager.contexts().map(({ id }) => id)],
};
exports.cases = {
  ...Object.fromEntries(Object.keys(common).map((name) => [name, (trial) => trial.call(0, 'run', name)])),
  'its role and its context': async (trial) => assert.deepEqual(await trial.call(0, 'role'), ['worker', ['1-cpu-0']]),
};
