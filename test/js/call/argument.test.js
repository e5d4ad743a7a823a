// An error says in `argument` which part of the call was wrong.
'use strict';
const { describe: describeCall } = require('../../../lib/call');
const { createContext, createGPUClusterManager } = require('../../../lib');

const x = new Float32Array(4);
const row = { data: x, shape: [1, 4] };
const node = (more) => ({ type: 'scale', inputs: { input: 'x' }, outputs: { output: 'y' }, ...more });
const graph = (...nodes) => ({ type: 'graph', inputs: { x }, nodes, outputs: ['y'] });

test.each([
  [{ type: 'scal' }, 'type'],
  [{ type: 'scale', inputs: { input: x }, id: 7 }, 'id'],
  [{ type: 'add', inputs: { a: x } }, 'inputs.b'],
  [{ type: 'add', inputs: { a: x, b: 'text' } }, 'inputs.b'],
  [{ type: 'add', inputs: { a: { data: x, shape: [3] }, b: x } }, 'inputs.a'],
  [{ type: 'add', inputs: { a: x, b: x, c: x } }, 'inputs.c'],
  [{ type: 'scale', inputs: { input: x }, params: { factor: 'two' } }, 'params.factor'],
  [{ type: 'scale', inputs: { input: x }, params: { faktor: 2 } }, 'params.faktor'],
  [graph(node(), node({ type: 'scal' })), 'nodes[1].type'],
  [graph(node({ params: { factor: 'two' } })), 'nodes[0].params.factor'],
])('%p: %s', (workload, argument) => {
  expect(() => describeCall(workload)).toThrow(expect.objectContaining({ argument }));
});

test('a target', () => {
  const into = { output: { data: x, shape: [5] } };
  expect(() => describeCall({ type: 'scale', inputs: { input: x } }, into)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', argument: 'into.output' }),
  );
});

test.each([
  [{ type: 'add', inputs: { a: x, b: new Float32Array(3) } }, 'inputs.b'],
  [{ type: 'add', inputs: { a: x, b: new Int32Array(4) } }, 'inputs.b'],
  [{ type: 'softmax', inputs: { input: { data: x, shape: [] } } }, 'inputs.input'],
  [{ type: 'top-k', inputs: { input: row }, params: { k: 5 } }, 'params.k'],
  [{ type: 'top-k', inputs: { input: row } }, 'params.k'],
  [{ type: 'top-k', inputs: { input: row }, params: { k: 1.5 } }, 'params.k'],
  [{ type: 'quantize', inputs: { input: { data: x, shape: [2, 2] } }, params: { bits: 5 } }, 'params.bits'],
  [graph(node(), node({ type: 'top-k', outputs: { values: 'z' }, params: { k: 9 } })), 'nodes[1].inputs.input'],
  [graph(node({ type: 'top-k', outputs: { values: 'y' }, params: { k: -1 } })), 'nodes[0].params.k'],
])('what the engine refuses, %#: %s', async (workload, argument) => {
  const ctx = await createContext({ device: 'cpu' });
  try {
    await expect(ctx.run(workload)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument });
  } finally {
    await ctx.close();
  }
});

test('a target that shares memory with an input', async () => {
  const ctx = await createContext({ device: 'cpu' });
  const job = ctx.run({ type: 'scale', inputs: { input: x } }, { into: { output: x } });
  await expect(job).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'into.output' });
  await ctx.close();
});

test('an option', async () => {
  const manager = createGPUClusterManager({ contextTypes: ['cpu'], logLevel: 'silent' });
  try {
    const job = manager.executeWorkload({ type: 'scale', inputs: { input: x } }, { priority: 0.5 });
    await expect(job).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'options.priority' });
  } finally {
    await manager.close();
  }
});
