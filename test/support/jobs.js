// Jobs for the tests of clusters: one that takes a while and can be stopped, and a small one.
'use strict';

const gpu = require('../..');

const kSide = 1024;
let identity;

/** A job of some 25 ms a step on one core, that can be stopped between its steps. */
function slowJob(steps) {
  if (!identity) {
    identity = gpu.tensor(new Float32Array(kSide * kSide), [kSide, kSide]);
    for (let i = 0; i < kSide; ++i) identity.data[i * kSide + i] = 1;
  }
  const nodes = Array.from({ length: steps }, (_, i) => ({
    type: 'matmul',
    inputs: { a: i ? `x${i}` : 'x', b: 'x' },
    outputs: { output: `x${i + 1}` },
  }));
  nodes.push({ type: 'reduce', inputs: { input: `x${steps}` }, params: { kind: 'sum' }, outputs: { output: 'sums' } });
  return { type: 'graph', inputs: { x: identity }, nodes, outputs: ['sums'] };
}

const scale = (input, factor = 2) => ({ type: 'scale', inputs: { input }, params: { factor } });

module.exports = { slowJob, scale };
