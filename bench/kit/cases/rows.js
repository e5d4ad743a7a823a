// Workloads along rows: reductions, norms, softmax, top-k.
'use strict';

/** @param {boolean} card @returns {import('./sizes').Case[]} */
function rows(card) {
  const many = card ? 16384 : 128,
    d = 4096,
    long = card ? 1 << 26 : 1 << 20,
    vectors = card ? 1 << 18 : 1024;
  const binds = 'memory';
  const input = `float32:${many}x${d}:uniform`;
  const again = 'kept in registers, a row is read once';
  return [
    {
      name: 'reduce',
      type: 'reduce',
      inputs: { input },
      params: { kind: 'sum' },
      what: 'sums of rows of 4,096 float32',
      limit: 'copy',
      expect: 0.9,
      binds,
      why: 'reading alone, which a card does a little quicker than a copy; a block a row ends in two barriers',
    },
    {
      name: 'reduce, one long row',
      type: 'reduce',
      inputs: { input: `float32:1x${long}:uniform` },
      params: { kind: 'norm' },
      what: 'the norm of one row of float32',
      limit: 'copy',
      expect: 0.9,
      binds,
      why: 'in parts over all multiprocessors, and a second launch over the parts',
    },
    {
      name: 'normalize',
      type: 'normalize',
      inputs: { input: `float32:${vectors}x384:uniform` },
      what: 'vectors of 384 float32',
      limit: 'copy',
      expect: 0.85,
      binds,
      why: `a warp a row of 12 elements a thread; ${again}, else a second time out of the L1 cache`,
    },
    {
      name: 'softmax',
      type: 'softmax',
      inputs: { input },
      what: 'rows of 4,096 float32',
      limit: 'copy',
      expect: 0.85,
      binds,
      why: `${again} and exponentiated once; else three readings, of which two come from caches, and expf twice: 0.7`,
    },
    {
      name: 'softmax, one long row',
      type: 'softmax',
      inputs: { input: `float32:1x${long}:uniform` },
      what: 'one row of float32',
      limit: 'copy',
      expect: 0.62,
      binds: 'memory, which is read twice',
      why: 'a row that is larger than the L2 cache is read for its sum and once more to be written: 12 bytes for 8',
    },
    {
      name: 'layer-norm',
      type: 'layer-norm',
      inputs: { input, gamma: `float32:${d}:uniform`, beta: `float32:${d}:uniform`, residual: input },
      what: 'rows of 4,096 float32, with a residual',
      limit: 'copy',
      expect: 0.85,
      binds,
      why: `${again}; else three readings of two rows, of which two come from caches: 0.65`,
    },
    {
      name: 'rms-norm, bfloat16',
      type: 'rms-norm',
      inputs: { input: `bfloat16:${many}x8192:uniform`, gamma: 'bfloat16:8192:uniform' },
      params: { dtype: 'bfloat16' },
      what: 'rows of 8,192 bfloat16',
      limit: 'copy',
      expect: 0.8,
      binds,
      why: `${again}; 8 bytes an access`,
    },
    {
      name: 'top-k 10',
      type: 'top-k',
      inputs: { input },
      params: { k: 10 },
      what: 'the best 10 of rows of 4,096 float32',
      limit: 'copy',
      expect: 0.5,
      binds: 'latency: a block a row, with barriers between its steps',
      why: 'a row is read once and its parts again out of L1; some 20 barriers a row, with two blocks a multiprocessor',
    },
    {
      name: 'top-k 100, one long row',
      type: 'top-k',
      inputs: { input: `float32:1x${long}:uniform` },
      params: { k: 100 },
      what: 'the best 100 of one row of float32',
      limit: 'copy',
      expect: 0.6,
      binds: 'memory, and the barriers of each segment',
      why: 'segments in one reading, then rounds over what they keep, which is a hundredth',
    },
    {
      name: 'top-k 10,000, one long row',
      type: 'top-k',
      inputs: { input: `float32:1x${long}:uniform` },
      params: { k: 10000 },
      what: 'the best 10,000 of one row of float32',
      limit: 'copy',
      expect: 0.15,
      binds: 'memory, which is read for each digit',
      why: 'three to six digits of 11 bits, each a reading with atomics in shared memory, and one to collect',
    },
  ];
}

module.exports = { rows };
