// What is refused, and before it leaves the process.
'use strict';
const { assert, failure } = require('../../../assertions');
const { scale } = require('../../../jobs');
const { gpu, random } = require('../../../random-data');
const { table } = require('../../../bad-workloads');

exports['what the engine refuses, refused before it leaves the process'] = async ({ manager }) => {
  const failures = async () =>
    (await manager.prometheus())
      .split('\n')
      .filter((line) => line.startsWith('switchyard_failures_total'))
      .join();
  const before = await failures();
  // Whether a graph's offsets and columns make sense is seen where it is read.
  for (const [name, workload, code, message] of table.filter(([, { type } = {}]) => type !== 'pagerank')) {
    const error = await manager.executeWorkload(typeof workload === 'function' ? workload() : workload).then(
      () => ({ code: 'nothing', message: '' }),
      (caught) => caught,
    );
    assert.match(error.code, code instanceof RegExp ? code : new RegExp(`^${code}$`), `${name}: ${error.message}`);
    assert.match(error.message, message, name);
  }
  if (manager.role === 'primary' || process.env.ENABLE_GPU_OPTIMIZATIONS === 'false')
    assert.equal(await failures(), before);
  for (const [, workload, code] of table.filter(([, { type } = {}]) => type === 'pagerank'))
    await failure(manager.executeWorkload(workload), code);
};

exports['what only the one who runs a job sees, with all that it says'] = async ({ manager }) => {
  const inputs = {
    rowOffsets: new Int32Array([0, 1, 2]),
    columns: new Int32Array([1, 0]),
    weights: new Float32Array([1, -1]),
  };
  const events = [];
  const onFailed = (event) => events.push(event);
  manager.on('workload-failed', onFailed);
  const alone = await failure(
    manager.executeWorkload({ type: 'pagerank', inputs, id: 'alone' }),
    'ERR_INVALID_ARGUMENT',
  );
  assert.match(alone.message, /'weights' holds -1/);
  assert.equal(alone.argument, 'inputs.weights');
  const inGraph = await failure(
    manager.executeWorkload({
      type: 'graph',
      inputs,
      nodes: [
        { type: 'scale', inputs: { input: 'weights' }, outputs: { output: 'scaled' } },
        {
          type: 'pagerank',
          inputs: { rowOffsets: 'rowOffsets', columns: 'columns', weights: 'scaled' },
          outputs: { ranks: 'ranks' },
        },
      ],
      outputs: ['ranks'],
    }),
    'ERR_INVALID_ARGUMENT',
  );
  assert.match(inGraph.message, /^graph: node 1 \('pagerank'\): /);
  assert.equal(inGraph.argument, 'nodes[1].inputs.weights');
  manager.off('workload-failed', onFailed);
  assert.equal(events.length, 2);
  assert.deepEqual(events[0], {
    workloadId: 'alone',
    type: 'pagerank',
    code: 'ERR_INVALID_ARGUMENT',
    message: alone.message,
    argument: 'inputs.weights',
  });
  assert.equal(events[1].argument, 'nodes[1].inputs.weights');
};

exports['a tensor of one context is no input of a cluster'] = async ({ manager }) => {
  const ctx = await gpu.createContext({ device: 'cpu' });
  const held = await ctx.upload(random(5));
  const error = await manager.executeWorkload(scale(held)).then(
    () => ({ code: 'nothing' }),
    (caught) => caught,
  );
  await ctx.close();
  assert.equal(error.code, 'ERR_INVALID_ARGUMENT', error.message);
  assert.match(error.message, /a DeviceTensor,? (which )?belongs to one context/);
};

exports['an operation that is nearly right'] = async ({ manager }) => {
  assert.throws(() => manager.ops.similarSearch, {
    code: 'ERR_UNKNOWN_WORKLOAD',
    message: "ops has no similarSearch (did you mean 'similaritySearch'?)",
  });
  for (const name of ['then', 'toJSON', 'asymmetricMatch', '$$typeof', 'inspect', 'fourier'])
    assert.equal(manager.ops[name], undefined, name);
  assert.equal(String(manager.ops), '[object Object]');
  assert.ok(Object.keys(JSON.parse(JSON.stringify({ ...manager.ops }))).length === 0);
};

exports['options that can not be right'] = async ({ manager }) => {
  const input = new Float32Array(2);
  const wrong = [
    [5, /options are 5/],
    [null, /options are null/],
    [{ timout: 5 }, /'timout' \(did you mean 'timeout'/],
    [{ timeout: 0 }, /timeout is 0/],
    [{ timeout: NaN }, /timeout is NaN/],
    [{ timeout: 2 ** 40 }, /timeout/],
    [{ signal: {} }, /signal is an object/],
    [{ priority: 0.5 }, /priority is 0.5/],
    [{ priority: '1' }, /priority is '1'/],
    [{ contextType: 'webgpu' }, /contextType is 'webgpu'/],
    [{ contextType: '' }, /contextType/],
    [{ affinity: 5 }, /affinity is 5/],
    [{ affinity: '' }, /affinity/],
    [{ cache: 1 }, /cache is 1/],
    [{ retries: -1 }, /retries is -1/],
    [{ retries: 1.5 }, /retries is 1.5/],
    [{ into: { out: input } }, /unknown output 'out'/],
    [{ into: { output: new Float32Array(3) } }, /into 'output' is float32 \[3\], but the result is float32 \[2\]/],
    [{ into: { output: new Int32Array(2) } }, /int32/],
    [{ into: { output: input } }, /shares memory with an input/],
    [{ ['__proto__']: { x: 1 }, constructor: 1 }, /unknown option/],
  ];
  for (const [options, message] of wrong)
    assert.match(
      (await failure(manager.executeWorkload(scale(input), options), 'ERR_INVALID_ARGUMENT')).message,
      message,
    );
  assert.throws(() => gpu.createGPUClusterManager({ worker: 2 }), {
    code: 'ERR_INVALID_ARGUMENT',
    message: /'worker' \(did you mean 'workers'/,
  });
  await failure(manager.close({ drian: true }), 'ERR_INVALID_ARGUMENT');
  await failure(manager.close(null), 'ERR_INVALID_ARGUMENT');
  await failure(manager.memoryStats(5), 'ERR_INVALID_ARGUMENT');
  await failure(manager.memoryStats('cpu:99'), 'ERR_INVALID_ARGUMENT');
};
