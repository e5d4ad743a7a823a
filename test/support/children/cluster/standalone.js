// A process without a cluster: its role is called lone.
'use strict';
const { assert } = require('../../assertions');

exports.options = { contextTypes: ['cpu'], contextsPerWorker: 1 };
exports.cases = {
  ...require('./common'),
  'its role and its context': async ({ manager, gpu }) => {
    assert.equal(manager.role, 'lone');
    assert.deepEqual(
      manager.contexts().map(({ id }) => id),
      ['0-cpu-0'],
    );
    assert.equal(gpu.createGPUClusterManager(), manager);
  },
};
