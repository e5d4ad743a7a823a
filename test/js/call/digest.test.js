// What makes two jobs equal: everything that decides the outputs, and nothing else.
'use strict';
const { digestOf } = require('../../../lib/call/digest');
const { describe: describeCall } = require('../../../lib/call/describe');

const data = Float32Array.from({ length: 200_000 }, (_, i) => i % 13); // more than is hashed in one turn
const input = { data, shape: [1000, 200], dtype: 'float32' };
const job = (change = {}) => ({ type: 'top-k', inputs: { input }, params: { k: 3, largest: true }, ...change });
const graph = (change = {}) => ({
  type: 'graph',
  inputs: { x: input, y: input },
  nodes: [
    { type: 'add', inputs: { a: 'x', b: 'y' }, outputs: { output: 'sum' } },
    { type: 'scale', inputs: { input: 'sum' }, params: { factor: 2 }, outputs: { output: 'twice' } },
  ],
  outputs: ['twice', 'sum'],
  ...change,
});
const digest = (workload, contextType, into) => {
  const call = describeCall(workload, into);
  const kept = call.keep();
  call.clear();
  return digestOf(kept, contextType);
};
const text = async (...call) => (await digest(...call)).join();

test('the same for equal jobs, whatever object carries them', async () => {
  const other = {
    params: { largest: true, k: 3 },
    inputs: { input: { dtype: 'float32', shape: [1000, 200], data: data.slice() } },
    type: 'top-k',
    id: 'mine',
  };
  expect(await text(other)).toBe(await text(job()));
  const values = new Float32Array(3000);
  expect(await text(other, undefined, { values })).toBe(await text(job()));
  const parts = await digest(job(), undefined);
  expect(parts).toHaveLength(4);
  for (const part of parts) expect(Number.isSafeInteger(part) && part >= 0).toBe(true);
});

test('the same for equal graphs, whatever their values are called', async () => {
  expect(await text(graph({ inputs: { y: input, x: input }, id: 'mine' }))).toBe(await text(graph()));
  const sum = new Float32Array(data.length);
  expect(await text(graph(), undefined, { sum })).toBe(await text(graph()));
});

test('another one for everything that makes a difference', async () => {
  const last = data.slice();
  last[last.length - 1] = 99;
  const bits = new Uint16Array(data.buffer);
  const [add, scale] = graph().nodes;
  const others = [
    job({ params: { k: 4, largest: true } }),
    job({ params: { k: 3 } }),
    job({ type: 'softmax', params: undefined }),
    job({ type: 'normalize', params: undefined }),
    job({ inputs: { input: { data: last, shape: [1000, 200], dtype: 'float32' } } }),
    job({ inputs: { input: { data, shape: [200, 1000], dtype: 'float32' } } }),
    job({ inputs: { input: { data: bits, shape: [1000, 400], dtype: 'float16' } } }),
    { type: 'layer-norm', inputs: { input, gamma: data.slice(0, 200) } },
    { type: 'layer-norm', inputs: { input, beta: data.slice(0, 200) } },
    graph(),
    graph({ outputs: ['sum', 'twice'] }),
    graph({ outputs: ['twice'] }),
    graph({ nodes: [add, { ...scale, params: { factor: 3 } }] }),
    graph({ nodes: [{ ...add, type: 'subtract' }, scale] }),
    graph({ inputs: { x: input, y: { ...input, data: last } } }),
  ];
  const digests = await Promise.all([
    text(job()),
    text(job(), 'vulkan'),
    text(job(), 'cpu'),
    ...others.map((other) => text(other)),
  ]);
  expect(new Set(digests).size).toBe(digests.length);
});
