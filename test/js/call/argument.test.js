// An error says in `argument` which part of the call was wrong.
'use strict';
const { describe: describeCall } = require('../../../lib/call');
const { createGPUClusterManager } = require('../../../lib');

const x = new Float32Array(4);
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

test('an option', async () => {
  const manager = createGPUClusterManager({ contextTypes: ['cpu'], logLevel: 'silent' });
  try {
    const job = manager.executeWorkload({ type: 'scale', inputs: { input: x } }, { priority: 0.5 });
    await expect(job).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'options.priority' });
  } finally {
    await manager.close();
  }
});
