// What cannot be split over devices, and what cannot go with `split`.
'use strict';
const { assert, failure } = require('../../../assertions');
const { matrix } = require('../../../random-data');

/**
 * @param {import('../../../../..').GPUClusterManager} manager
 * @param {{ a: object, b: object }} inputs of a product
 */
async function refusals(manager, inputs) {
  const refused = async (workload, options, text) => {
    const { message } = await failure(manager.executeWorkload(workload, options), 'ERR_INVALID_ARGUMENT');
    assert.match(message, text);
  };
  const able = /can't be split .* normalize, matmul, similarity-search, pca-transform/;
  await refused({ type: 'add', inputs, split: true }, undefined, able);
  await refused({ type: 'graph', inputs: {}, nodes: [], outputs: [], split: true }, undefined, able);
  await refused({ type: 'matmul', inputs, split: 'yes' }, undefined, /split is 'yes', but must be true or false/);
  await refused({ type: 'matmul', inputs, split: true }, { affinity: 'here' }, /affinity keeps jobs on one context/);
  const { a } = inputs;
  await refused({ type: 'matmul', inputs: { a, b: matrix(5, 5) }, split: true }, undefined, /inner sizes differ/);
  await refused({ type: 'matmul', inputs, split: true }, { into: { output: new Float32Array(31) } }, /into/);
}

module.exports = { refusals };
