// What holds wherever a manager is asked and wherever the job runs: in one process, on a worker's own context, in
// another process.
'use strict';
const oracle = require('../../oracle');
const { assert, sleep, failure, close, slowJob, scale } = require('../../cluster-kit');
const { gpu, random, matrix } = require('../../plain');
const { table } = require('../../bad-workloads');

const { tensor } = gpu;
const { rowsOf } = oracle;
const rows = ({ data, shape }) => rowsOf(data, shape[shape.length - 1]);

exports['results are those of double precision'] = async ({ manager }) => {
  const run = async (type, inputs, params) => (await manager.executeWorkload({ type, inputs, params })).outputs;
  const a = matrix(9, 40, 1),
    b = matrix(40, 11, 2),
    base = matrix(33, 40, 3);
  const [normalized, product, weights, top, found, quantized, fit] = await Promise.all([
    run('normalize', { input: a }),
    run('matmul', { a, b }),
    run('softmax', { input: a }),
    run('top-k', { input: a }, { k: 3 }),
    run('similarity-search', { queries: a, base }, { k: 4 }),
    run('quantize', { input: a }),
    run('pca-fit', { input: base }, { components: 2 }),
  ]);
  close(
    normalized.output.data,
    rows(a).map((row) => row.map((x) => x / oracle.norm(row))),
  );
  close(product.output.data, oracle.product(rows(a), rows(b)));
  assert.deepEqual(product.output.shape, [9, 11]);
  close(
    weights.output.data,
    rows(a).map((row) => oracle.softmaxRow(row)),
  );
  assert.deepEqual(
    Array.from(top.indices.data),
    rows(a).flatMap((row) => oracle.best(row, 3)),
  );
  assert.equal(top.indices.dtype, 'int32');
  assert.deepEqual(
    Array.from(found.indices.data),
    rows(a).flatMap((query) =>
      oracle.best(
        rows(base).map((row) => oracle.metrics.cosine(query, row)),
        4,
      ),
    ),
  );
  const expected = rows(a).map((row) => oracle.quantizeRow(row, 127));
  assert.deepEqual(
    Array.from(quantized.output.data),
    expected.flatMap(({ codes }) => codes.map((code) => code + 0)),
  );
  close(
    quantized.scales.data,
    expected.map(({ scale: one }) => one),
  );
  close(fit.explainedVariance.data, oracle.pca(rows(base), 2).explainedVariance, 1e-3);
};

exports['attention, layer-norm and pagerank'] = async ({ manager }) => {
  const query = tensor(random(2 * 5 * 8, 1), [2, 5, 8]),
    key = tensor(random(2 * 7 * 8, 2), [2, 7, 8]),
    value = tensor(random(2 * 7 * 6, 3), [2, 7, 6]);
  const both = await manager.ops.attention(query, key, value, { causal: true, returnWeights: true });
  for (const head of [0, 1]) {
    const part = ({ data }, n, d) => rowsOf(data.subarray(head * n * d, (head + 1) * n * d), d);
    const want = oracle.attentionHead(part(query, 5, 8), part(key, 7, 8), part(value, 7, 6), { causal: true });
    close(both.output.data.subarray(head * 30, (head + 1) * 30), want.output);
    close(both.weights.data.subarray(head * 35, (head + 1) * 35), want.weights);
  }
  const input = matrix(4, 50, 4),
    beta = random(50, 5);
  close(
    (await manager.ops.layerNorm(input, null, beta)).data,
    rows(input).map((row) => oracle.layerNormRow(row, undefined, beta)),
  );
  const rowOffsets = Int32Array.from([0, 2, 3, 3, 5]),
    columns = Int32Array.from([1, 2, 3, 0, 1]);
  const { ranks } = await manager.ops.pagerank(rowOffsets, columns);
  close(ranks.data, oracle.pagerank(rowOffsets, columns), 1e-4);
};

exports['a result says where and how long'] = async ({ manager }) => {
  const result = await manager.executeWorkload({ type: 'scale', inputs: { input: random(10) }, id: 'mine' });
  assert.deepEqual(Object.keys(result).sort(), [
    'attempts',
    'batchSize',
    'cached',
    'contextId',
    'contextType',
    'deviceName',
    'outputs',
    'timings',
    'workerId',
    'workloadId',
  ]);
  assert.equal(result.workloadId, 'mine');
  assert.match(result.contextId, new RegExp(`^${result.workerId}-${result.contextType}-\\d+$`));
  const context = manager.contexts().find(({ id }) => id === result.contextId);
  assert.equal(context.contextType, result.contextType);
  assert.equal(context.workerId, result.workerId);
  assert.ok(result.deviceName.length > 0);
  assert.equal(result.cached, false);
  assert.equal(result.attempts, 1);
  assert.ok(Number.isInteger(result.batchSize) && result.batchSize >= 1);
  assert.deepEqual(Object.keys(result.timings), ['queued', 'switch', 'upload', 'compute', 'readback', 'total']);
  for (const ms of Object.values(result.timings)) assert.ok(ms >= 0 && ms < 5000, JSON.stringify(result.timings));
  assert.ok(result.timings.total >= result.timings.compute);
  const ids = await Promise.all(
    [1, 2, 3].map(async () => (await manager.executeWorkload(scale(random(10)))).workloadId),
  );
  assert.equal(new Set(ids).size, 3);
};

exports['a graph, with and without into'] = async ({ manager }) => {
  const x = matrix(3, 4);
  const graph = {
    type: 'graph',
    inputs: { x },
    outputs: ['z', 'y'],
    nodes: [
      { type: 'scale', inputs: { input: 'y' }, params: { offset: 1 }, outputs: { output: 'z' } },
      { type: 'multiply', inputs: { a: 'x', b: 'x' }, outputs: { output: 'y' } },
    ],
  };
  const check = ({ y, z }) => {
    close(
      y.data,
      x.data.map((value) => value ** 2),
    );
    close(
      z.data,
      x.data.map((value) => value ** 2 + 1),
    );
  };
  check((await manager.executeWorkload(graph)).outputs);
  const into = { y: new Float32Array(12) };
  const { outputs } = await manager.executeWorkload(graph, { into });
  check(outputs);
  assert.equal(outputs.y.data, into.y);
};

exports['outputs into memory that is there'] = async ({ manager }) => {
  for (const length of [3, 1000, 1 << 18]) {
    const input = random(length),
      output = new Float32Array(length);
    const { outputs } = await manager.executeWorkload(scale(input, 3), { into: { output } });
    assert.equal(outputs.output.data, output);
    close(
      output,
      input.map((x) => x * 3),
    );
  }
  const shared = manager.sharedTensor([1000]),
    input = manager.sharedTensor([1000]);
  input.data.set(random(1000));
  const { outputs } = await manager.executeWorkload(scale(input), { into: { output: shared } });
  close(
    shared.data,
    input.data.map((x) => x * 2),
  );
  close(outputs.output.data, shared.data);
  shared.release();
  input.release();
};

exports['a shared tensor from making to release'] = async ({ manager }) => {
  const made = manager.sharedTensor([2, 300], 'float32');
  assert.equal(made.data.length, 600);
  assert.ok(made.data.every((x) => x === 0));
  made.data.fill(2);
  const handle = JSON.parse(JSON.stringify(made));
  assert.deepEqual(handle, JSON.parse(JSON.stringify(made.handle)));
  const opened = manager.openTensor(handle);
  assert.deepEqual([opened.shape, opened.dtype, opened.data[599]], [[2, 300], 'float32', 2]);
  opened.data[0] = 7;
  assert.equal(made.data[0], 7);
  assert.equal(opened.sealed, false);
  assert.equal(made.seal().seal(), made);
  assert.equal(opened.sealed, true);
  close((await manager.ops.reduce(opened, { kind: 'sum' })).data, [605, 600]);
  const view = made.data;
  made.release();
  made.release();
  assert.equal(view.length, 0);
  for (const use of [
    () => made.data,
    () => made.handle,
    () => made.seal(),
    () => made.sealed,
    () => JSON.stringify(made),
  ])
    assert.throws(use, { code: 'ERR_CLOSED' });
  await failure(manager.ops.reduce(made, { kind: 'sum' }), 'ERR_CLOSED');
  await failure(manager.executeWorkload(scale(random(600)), { into: { output: made } }), 'ERR_CLOSED');
  close((await manager.ops.reduce(opened, { kind: 'max' })).data, [7, 2]); // held by the other still
  opened.release();
  await sleep(20); // the memory of views that are empty now goes with the next turn
  assert.throws(() => manager.openTensor(handle), { code: 'ERR_CLOSED' });
};

exports['a shared tensor released while a job uses it'] = async ({ manager }) => {
  const input = manager.sharedTensor([1 << 16]);
  input.data.fill(3);
  const job = manager.executeWorkload(scale(input));
  input.release();
  const other = manager.sharedTensor([1 << 16]);
  other.data.fill(-1);
  assert.ok((await job).outputs.output.data.every((x) => x === 6));
  other.release();
};

exports['shared tensors that can not be'] = async ({ manager }) => {
  const cases = [
    [() => manager.sharedTensor(5), /shape/],
    [() => manager.sharedTensor([-1]), /-1/],
    [() => manager.sharedTensor([2], 'float64'), /float64/],
    [() => manager.openTensor('x'), /handle/],
    [() => manager.openTensor(null), /handle/],
    [() => manager.openTensor({}), /handle/],
    [() => manager.openTensor({ ...made.handle, shape: [1000] }), /bytes/],
    [() => manager.openTensor({ ...made.handle, more: 1 }), /more/],
  ];
  const made = manager.sharedTensor([2]);
  for (const [make, message] of cases) assert.throws(make, { code: 'ERR_INVALID_ARGUMENT', message });
  assert.throws(() => manager.sharedTensor([2 ** 50]), { code: /ERR_OUT_OF_MEMORY|ERR_INVALID_ARGUMENT/ });
  made.release();
};

exports['empty tensors'] = async ({ manager }) => {
  const empty = tensor(new Float32Array(0), [0, 5]);
  const sum = await manager.ops.add(empty, empty);
  assert.deepEqual([sum.shape, sum.data.length], [[0, 5], 0]);
  assert.deepEqual((await manager.ops.normalize(empty)).shape, [0, 5]);
  close(
    (await manager.ops.matmul(tensor(new Float32Array(0), [2, 0]), tensor(new Float32Array(0), [0, 3]))).data,
    [0, 0, 0, 0, 0, 0],
  );
  const shared = manager.sharedTensor([0]);
  assert.deepEqual((await manager.ops.scale(shared)).shape, [0]);
  const opened = manager.openTensor(shared.handle);
  opened.release();
  shared.release();
};

exports['every type of element'] = async ({ manager }) => {
  const half = tensor(
    [
      [3, 4],
      [0, 2],
    ],
    undefined,
    'float16',
  );
  const unit = await manager.ops.normalize(half);
  assert.equal(unit.dtype, 'float16');
  assert.deepEqual(Array.from(unit.data), [0x38cd, 0x3a66, 0, 0x3c00]);
  const wide = await manager.ops.quantize(
    tensor([
      [1, -2, 7],
      [0, 0, 0],
    ]),
    { bits: 4 },
  );
  assert.equal(wide.output.dtype, 'uint8');
  const back = await manager.ops.dequantize(wide.output, wide.scales, { bits: 4, columns: 3 });
  close(back.data, [1, -2, 7, 0, 0, 0], 1e-6);
};

exports['8 MB at once, several times'] = async ({ manager }) => {
  const length = 1 << 21;
  const inputs = [1, 2, 3, 4].map((salt) => new Float32Array(length).fill(salt));
  for (let round = 0; round < 2; ++round) {
    const all = await Promise.all(inputs.map((input) => manager.ops.scale(input, { factor: 10, offset: round })));
    all.forEach(({ data }, i) => {
      for (let at = 0; at < length; at += 997) assert.equal(data[at], 10 * (i + 1) + round);
      assert.equal(data[length - 1], 10 * (i + 1) + round);
    });
    inputs.forEach((input, i) => assert.equal(input[length - 1], i + 1));
  }
};

exports['hundreds of jobs at once, each with its own answer'] = async ({ manager }) => {
  const jobs = Array.from({ length: 600 }, async (_, i) => {
    const input = new Float32Array(1 + ((i * 37) % 300)).fill(i);
    const { outputs } = await manager.executeWorkload(
      i % 3 ? scale(input, 2) : { type: 'add', inputs: { a: input, b: input } },
      { priority: i % 4 },
    );
    assert.equal(outputs.output.data.length, input.length);
    assert.ok(
      outputs.output.data.every((x) => x === 2 * i),
      `job ${i}`,
    );
  });
  await Promise.all(jobs);
};

exports['shorthands take tensors and give tensors'] = async ({ manager }) => {
  const a = tensor([
    [1, 2],
    [3, 4],
  ]);
  close((await manager.ops.matmul(a, a, { alpha: 2 }, { priority: 3 })).data, [14, 20, 30, 44]);
  close((await manager.ops.matmul({ a, b: a }, { transposeB: true })).data, [5, 11, 11, 25]);
  assert.deepEqual(Object.keys(await manager.ops.topK(a, { k: 1 })), ['values', 'indices']);
  assert.deepEqual(Array.from((await manager.ops['top-k'](a, { k: 1 })).indices.data), [1, 1]);
  await failure(manager.ops.scale(a, a), 'ERR_INVALID_ARGUMENT');
  await failure(manager.ops.scale(a, 5), 'ERR_INVALID_ARGUMENT');
};

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

exports['options that can not be right'] = async ({ manager }) => {
  const input = new Float32Array(2);
  const wrong = [
    [5, /options are 5/],
    [null, /options are null/],
    [{ timout: 5 }, /'timout' \(did you mean 'timeout'/],
    [{ timeout: 0 }, /timeout is 0/],
    [{ timeout: NaN }, /timeout is NaN/],
    [{ timeout: 2 ** 40 }, /timeout/],
    [{ signal: {} }, /signal is a Object/],
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

exports['a signal, before and while the job runs'] = async ({ manager }) => {
  const early = await failure(manager.executeWorkload(slowJob(3), { signal: AbortSignal.abort() }), 'ERR_CANCELED');
  await early.released;
  const controller = new AbortController();
  const start = performance.now();
  setTimeout(() => controller.abort(new Error('mine')), 60);
  const error = await failure(manager.executeWorkload(slowJob(150), { signal: controller.signal }), 'ERR_CANCELED');
  assert.equal(error.cause.message, 'mine');
  assert.ok(performance.now() - start < 1500);
  await error.released;
  assert.ok(performance.now() - start < 3000);
  close((await manager.ops.scale(random(5))).data, random(5));
};

exports['a deadline while the job runs'] = async ({ manager }) => {
  const start = performance.now();
  const error = await failure(manager.executeWorkload(slowJob(150), { timeout: 80 }), 'ERR_TIMEOUT');
  assert.match(error.message, /80 ms/);
  assert.ok(performance.now() - start < 1500);
  await error.released;
  assert.ok(performance.now() - start < 3000);
};

exports['contexts, metrics, health, memory'] = async ({ manager }) => {
  const contexts = manager.contexts();
  assert.ok(contexts.length >= 1);
  for (const context of contexts) {
    assert.deepEqual(Object.keys(context), [
      'id',
      'workerId',
      'contextType',
      'device',
      'state',
      'isActive',
      'lastUsed',
      'memoryUsage',
      'memoryLimit',
      'shaderCount',
      'jobsRun',
    ]);
    assert.match(context.state, /^(idle|busy)$/);
    assert.equal(context.isActive, true);
    assert.equal(context.memoryLimit, 512 * 2 ** 20);
  }
  const metrics = await manager.getMetrics();
  assert.equal(metrics.totalContexts, contexts.length);
  assert.equal(metrics.activeContexts, contexts.length);
  assert.deepEqual(Object.keys(metrics.memoryUsage.perContext).sort(), contexts.map(({ id }) => id).sort());
  assert.ok(metrics.performance.latency.p99 >= metrics.performance.latency.p50 && metrics.performance.latency.p50 > 0);
  assert.equal(metrics.performance.queueDepth, 0);
  const health = await manager.health();
  assert.equal(health.status, 'ok');
  assert.equal(health.draining, false);
  assert.equal(health.queue.depth, 0);
  assert.ok(health.contexts.every(({ lastKnownAnswerAgeMs }) => lastKnownAnswerAgeMs >= 0));
  const memory = await manager.memoryStats(contexts[0].device);
  assert.deepEqual(Object.keys(memory), ['allocatedMb', 'reservedMb', 'maxAllocatedMb', 'totalMb', 'utilizationPct']);
  assert.ok(memory.totalMb > 0);
  assert.match(await manager.prometheus(), /switchyard_requests_total\{outcome="completed"\} [1-9]/);
  manager.cleanup();
};

exports["events of this process's jobs, each once"] = async ({ manager }) => {
  const seen = [];
  const names = ['workload-completed', 'workload-failed'];
  const listeners = names.map((name) => (event) => seen.push([name, event]));
  names.forEach((name, i) => manager.on(name, listeners[i]));
  await manager.executeWorkload({ ...scale(random(10)), id: 'good' });
  await failure(manager.executeWorkload({ type: 'scale', inputs: {}, id: 'bad' }), 'ERR_INVALID_ARGUMENT');
  await failure(manager.executeWorkload({ ...slowJob(150), id: 'late' }, { timeout: 40 }), 'ERR_TIMEOUT').then(
    ({ released }) => released,
  );
  await sleep(20);
  names.forEach((name, i) => manager.removeListener(name, listeners[i]));
  assert.deepEqual(
    seen.map(([name, event]) => [name, event.workloadId, event.code]),
    [
      ['workload-completed', 'good', undefined],
      ['workload-failed', 'bad', 'ERR_INVALID_ARGUMENT'],
      ['workload-failed', 'late', 'ERR_TIMEOUT'],
    ],
  );
  const { type, context, duration, memoryUsage } = seen[0][1];
  assert.equal(type, 'scale');
  assert.ok(manager.contexts().some(({ id }) => id === context));
  assert.ok(duration >= 0 && memoryUsage >= 0);
};
