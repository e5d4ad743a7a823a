// Everything asked in the primary runs in another process.
'use strict';
const { assert } = require('../../assertions');

exports.options = { workers: 2, contextTypes: ['cpu'], contextsPerWorker: 1 };
exports.cases = {
  ...require('./common'),
  'its role and its contexts': async ({ manager }) => {
    assert.equal(manager.role, 'primary');
    assert.deepEqual(
      manager
        .contexts()
        .map(({ id }) => id)
        .sort(),
      ['1-cpu-0', '2-cpu-0'],
    );
    const health = await manager.health();
    assert.deepEqual(
      health.workers.map(({ state }) => state),
      ['ready', 'ready'],
    );
    assert.equal(
      health.workers.some(({ pid }) => pid === process.pid),
      false,
    );
  },
};
