// Searches and graphs.
'use strict';

/** @param {boolean} card @returns {import('./sizes').Case[]} */
function search(card) {
  const n = card ? 1 << 20 : 8192,
    few = 8,
    many = card ? 1024 : 64,
    nodes = card ? 1 << 20 : 4096;
  const edges = nodes * 10;
  const base = `float32:${n}x384:uniform`;
  const queries = (q) => `float32:${q}x384:uniform`;
  const graph = { rowOffsets: `int32:${nodes + 1}:every:10`, columns: `int32:${edges}:below:${nodes}` };
  return [
    {
      name: 'search, 1 query',
      type: 'similarity-search',
      inputs: { queries: queries(1), base },
      params: { k: 10 },
      outputs: ['float32:1x10', 'int32:1x10'],
      what: 'the best 10 of a million vectors of 384 float32',
      limit: 'copy',
      expect: 0.85,
      binds: 'memory: the base is read once',
      why: "1.6 GB in 0.5 ms; a warp reads four rows at once; then blocks' best are sorted, some 20 us",
    },
    {
      name: 'search, 8 queries',
      type: 'similarity-search',
      inputs: { queries: queries(few), base },
      params: { k: 10 },
      outputs: ['float32:8x10', 'int32:8x10'],
      what: 'the same for 8 queries',
      limit: 'copy',
      expect: 0.7,
      binds: 'memory, and near it the instructions',
      why: '16 multiply-adds for each float of the base, and reductions over a warp for each row and query',
    },
    {
      name: 'search, 1,024 queries',
      type: 'similarity-search',
      inputs: { queries: queries(many), base },
      params: { k: 10 },
      flops: 2 * many * n * 384,
      outputs: [`float32:${many}x10`, `int32:${many}x10`],
      what: 'the same for 1,024 queries',
      limit: 'product float32',
      expect: 0.8,
      binds: 'tensor cores by mma.sync',
      why: 'a product is six of bfloat16, which loses no more than float32; rows are read once for 64 queries',
    },
    {
      name: 'search, int8 base',
      type: 'similarity-search',
      inputs: { queries: queries(1), base: `int8:${n}x384:codes`, scales: `float32:${n}:small` },
      params: { k: 10 },
      outputs: ['float32:1x10', 'int32:1x10', 'float32:1'],
      what: 'the best 10 of a million vectors of 384 codes of 8 bits',
      limit: 'copy',
      expect: 0.5,
      binds: 'instructions: a quarter of the bytes, as many products',
      why: 'codes become floats one by one (a shift and a conversion each), 4 bytes a load',
    },
    {
      name: 'search, bfloat16 base',
      type: 'similarity-search',
      inputs: { queries: queries(1), base: `bfloat16:${n}x384:uniform` },
      params: { k: 10 },
      outputs: ['float32:1x10', 'int32:1x10', 'float32:1'],
      what: 'the best 10 of a million vectors of 384 bfloat16',
      limit: 'copy',
      expect: 0.65,
      binds: 'memory, by accesses of 8 bytes',
      why: 'half of the bytes in flight of float32',
    },
    {
      name: 'search, mask',
      type: 'similarity-search',
      inputs: { queries: queries(1), base, mask: `uint8:${n / 8}:ones` },
      params: { k: 10 },
      outputs: ['float32:1x10', 'int32:1x10'],
      what: 'a mask that hides nothing',
      limit: 'copy',
      expect: 0.8,
      binds: 'memory',
      why: 'four bits more a group of rows',
    },
    {
      name: 'pagerank',
      type: 'pagerank',
      inputs: graph,
      params: { tolerance: 0, maxIterations: 20 },
      bytes: 20 * (edges * 8 + nodes * 20),
      outputs: [`float32:${nodes}`, 'int32:1', 'float32:1'],
      what: '20 iterations over a million nodes of 10 edges each, at random',
      limit: 'copy',
      expect: 0.35,
      binds: 'the L2 cache: a share of 4 bytes for each edge, at random',
      why: 'shares are 4 MB and stay in L2, which gives a sector of 32 bytes for each; edges stream from memory',
    },
    {
      name: 'force-layout',
      type: 'force-layout',
      inputs: {
        rowOffsets: `int32:${nodes / 16 + 1}:every:10`,
        columns: `int32:${(nodes / 16) * 10}:below:${nodes / 16}`,
      },
      params: { iterations: 10 },
      outputs: [`float32:${nodes / 16}x2`, 'float32:1'],
      what: '10 iterations over 65,536 nodes',
      limit: 'none',
      expect: null,
      binds: 'launches: a dozen small kernels an iteration',
      why: 'each takes a few microseconds; CUDA graphs take the gaps away',
    },
  ];
}

module.exports = { search };
