// What a job would take and give, before it is run; and outputs whose memory goes back before they are collected.
'use strict';
const gpu = require('../../..');
const { estimate, releaseOutputs } = require('../../../lib/call');

const zeros = (...shape) => gpu.tensor(new Float32Array(shape.reduce((product, extent) => product * extent, 1)), shape);

test('an estimate has the cost and the bytes of the outputs', () => {
  const product = estimate({ type: 'matmul', inputs: { a: zeros(1000, 10), b: zeros(10, 500) } });
  expect(product.outputBytes).toBe(4 * 1000 * 500);
  const flops = 2 * 1000 * 10 * 500,
    bytes = 4 * (1000 * 10 + 10 * 500 + 1000 * 500);
  expect(product.ms).toBeCloseTo(flops / 1e8 + bytes / 2e7, 6);
  const graph = estimate({
    type: 'graph',
    inputs: { x: zeros(300, 200) },
    nodes: [
      { type: 'matmul', inputs: { a: 'x', b: 'x' }, params: { transposeB: true }, outputs: { output: 'y' } },
      { type: 'reduce', inputs: { input: 'y' }, params: { kind: 'sum' }, outputs: { output: 'sums' } },
    ],
    outputs: ['sums', 'y'],
  });
  expect(graph.outputBytes).toBe(4 * (300 + 300 * 300));
  expect(graph.ms).toBeGreaterThan((2 * 300 * 300 * 200) / 1e8);
});

test('a PageRank that does not converge is estimated at all of its rounds', () => {
  const inputs = {
    rowOffsets: gpu.tensor(Int32Array.from({ length: 1001 }, (_, i) => i)),
    columns: gpu.tensor(new Int32Array(1000)),
  };
  const of = (params) => estimate({ type: 'pagerank', inputs, params }).ms;
  const usual = of({});
  expect(of({ maxIterations: 1000 })).toBeCloseTo(usual, 6);
  expect(of({ maxIterations: 10 })).toBeLessThan(usual / 2);
  expect(of({ tolerance: 0, maxIterations: 100_000 })).toBeGreaterThan(2000 * usual);
  expect(of({ tolerance: 1e-30, maxIterations: 100_000 })).toBeGreaterThan(2000 * usual);
  expect(of({ damping: 1, maxIterations: 100_000 })).toBeGreaterThan(2000 * usual);
  expect(of({ damping: 0 })).toBeLessThan(usual / 10);
});

test.each([
  ['ERR_UNKNOWN_WORKLOAD', { type: 'x', inputs: {} }],
  ['ERR_INVALID_ARGUMENT', { type: 'matmul', inputs: { a: zeros(2, 3), b: zeros(2, 3) } }],
  ['ERR_INVALID_ARGUMENT', { type: 'graph', inputs: { x: zeros(2) }, nodes: [], outputs: ['y'] }],
])('what is refused with %s is refused before it is run', (code, workload) => {
  expect(() => estimate(workload)).toThrow(expect.objectContaining({ code }));
});

test('outputs that are released are empty; memory that others have a part in stays', async () => {
  const ctx = await gpu.createContext({ device: 'cpu:0' });
  const { outputs } = await ctx.run({ type: 'scale', inputs: { input: zeros(256, 1024) }, params: { factor: 2 } });
  const whole = new Float32Array(8),
    part = { output: { data: whole.subarray(2, 4), shape: [2], dtype: 'float32' } };
  releaseOutputs(outputs);
  releaseOutputs(part);
  expect(outputs.output.data).toHaveLength(0);
  expect(part.output.data).toHaveLength(2);
  releaseOutputs(outputs); // once more
  await ctx.close();
});
