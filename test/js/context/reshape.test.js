// reshape: alone a copy, between nodes of a graph another view of the same memory.
'use strict';
const { gpu } = require('../../support/random-data');
const { devices } = require('../../support/devices');
const { failure } = require('../../support/assertions');

const MB = 2 ** 20;
const node = (type, inputs, output, params) => ({ type, inputs, params, outputs: { output } });
const counting = (shape, dtype) => {
  const count = shape.reduce((a, b) => a * b, 1);
  return gpu.tensor(
    Float32Array.from({ length: count }, (_, i) => i),
    shape,
    dtype,
  );
};

describe.each(devices)('on %s', (device) => {
  let ctx;
  beforeAll(async () => {
    ctx = await gpu.createContext({ device });
  });
  afterAll(() => ctx.close());

  test.each([
    [
      [2, 6],
      [3, 4],
      [3, 4],
    ],
    [[2, 6], [-1], [12]],
    [
      [2, 6],
      [2, -1, 2],
      [2, 3, 2],
    ],
    [[1], [], []],
    [
      [0, 3],
      [5, 0],
      [5, 0],
    ],
    [[0, 3], [7, 0, -1].slice(0, 2), [7, 0]],
  ])('%j as %j', async (from, shape, expected) => {
    const input = counting(from);
    const { output } = (await ctx.run({ type: 'reshape', inputs: { input }, params: { shape } })).outputs;
    expect(output.shape).toEqual(expected);
    expect(output.data).toEqual(input.data);
  });

  test('of every dtype', async () => {
    for (const data of [Uint16Array.of(1, 2, 3, 4, 5), Int32Array.of(-1, 2, 3), Uint8Array.of(1, 2, 3)]) {
      const dtype = data instanceof Uint16Array ? 'bfloat16' : undefined;
      const input = gpu.tensor(data, [data.length], dtype);
      const { output } = (await ctx.run({ type: 'reshape', inputs: { input }, params: { shape: [1, -1] } })).outputs;
      expect([output.dtype, output.shape, [...output.data]]).toEqual([input.dtype, [1, data.length], [...data]]);
    }
  });

  test.each([3, 30_000])('in a graph of %d rows: what it views stays until the last look', async (rows) => {
    const x = counting([rows, 4]);
    const graph = {
      type: 'graph',
      inputs: { x },
      nodes: [
        node('reshape', { input: 'x' }, 'ofInput', { shape: [-1, 2] }),
        node('scale', { input: 'ofInput' }, 'doubled', { factor: 2 }),
        node('reshape', { input: 'doubled' }, 'flat', { shape: [-1] }),
        node('reshape', { input: 'flat' }, 'pairs', { shape: [-1, 2] }),
        // `doubled` is not named from here on; memory that is free would be used by these.
        node('scale', { input: 'ofInput' }, 'tenfold', { factor: 10 }),
        node('scale', { input: 'tenfold' }, 'more', { factor: 10 }),
        node('reduce', { input: 'more' }, 'sums', { kind: 'sum' }),
        node('reduce', { input: 'pairs' }, 'pairSums', { kind: 'sum' }),
        node('reshape', { input: 'doubled' }, 'result', { shape: [4, -1] }),
      ],
      outputs: ['sums', 'pairSums', 'result'],
    };
    const { sums, pairSums, result } = (await ctx.run(graph)).outputs;
    expect(result.shape).toEqual([4, rows]);
    expect(result.data).toEqual(x.data.map((value) => 2 * value));
    for (const i of [0, 1, rows, 2 * rows - 1]) {
      expect(pairSums.data[i]).toBe(2 * (4 * i + 1));
      expect(Math.abs(sums.data[i] - 100 * (4 * i + 1))).toBeLessThanOrEqual(1e-4 * sums.data[i]);
    }
  });

  test('in a graph it takes no memory', async () => {
    const small = await gpu.createContext({ device, memoryLimit: 70 * MB });
    const x = await small.upload(counting([4 * MB]));
    const nodes = [node('scale', { input: 'x' }, 'scaled', { factor: 2 })];
    for (let i = 0; i < 4; ++i)
      nodes.push(node('reshape', { input: i ? `view${i}` : 'scaled' }, `view${i + 1}`, { shape: [4 << i, -1] }));
    nodes.push(node('reduce', { input: 'view4' }, 'sums', { kind: 'max' }));
    const { outputs } = await small.run({ type: 'graph', inputs: { x }, nodes, outputs: ['sums'] });
    expect(outputs.sums.data.at(-1)).toBe(2 * (4 * MB - 1));
    await small.close();
  });
});

describe('what is refused', () => {
  let ctx;
  beforeAll(async () => {
    ctx = await gpu.createContext({ device: 'cpu' });
  });
  afterAll(() => ctx.close());

  test.each([
    [[5], /^reshape: the shape \[5\] has 5 elements, but 'input' \[2, 3\] has 6$/],
    [
      [4, -1],
      /^reshape: 'input' \[2, 3\] has 6 elements, which the other axes of the shape, 4 together, don't divide$/,
    ],
    [[-1, -1], /^reshape: the shape has -1 twice/],
    [[0, -1], /don't divide$/],
    [[2 ** 40, 2 ** 40, -1], /more elements than can be counted$/],
    [[1.5, 4], /'shape' is 1.5, but must be a whole number/],
    [[-2, 3], /'shape' is -2, but must be at least -1/],
    ['6', /shape.*'6'.*an array of 0 to 8 whole numbers/],
    [[6, undefined], /'shape' is undefined, but must be an array/],
    [undefined, /^reshape: parameter .shape. is required$/],
  ])('%j', async (shape, message) => {
    const run = ctx.run({ type: 'reshape', inputs: { input: counting([2, 3]) }, params: { shape } });
    const error = await failure(run, 'ERR_INVALID_ARGUMENT');
    expect(error.message).toMatch(message);
    expect(error.argument).toBe('params.shape');
  });
});
