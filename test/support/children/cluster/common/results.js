// Results: those of double precision, what they say of themselves, graphs, outputs into memory that is there.
'use strict';
const oracle = require('../../../oracle');
const { assert, expectClose } = require('../../../assertions');
const { scale } = require('../../../jobs');
const { gpu, random, matrix } = require('../../../random-data');

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
  expectClose(
    normalized.output.data,
    rows(a).map((row) => row.map((x) => x / oracle.norm(row))),
  );
  expectClose(product.output.data, oracle.product(rows(a), rows(b)));
  assert.deepEqual(product.output.shape, [9, 11]);
  expectClose(
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
  expectClose(
    quantized.scales.data,
    expected.map(({ scale: one }) => one),
  );
  expectClose(fit.explainedVariance.data, oracle.pca(rows(base), 2).explainedVariance, 1e-3);
};

exports['attention, layer-norm and pagerank'] = async ({ manager }) => {
  const query = tensor(random(2 * 5 * 8, 1), [2, 5, 8]),
    key = tensor(random(2 * 7 * 8, 2), [2, 7, 8]),
    value = tensor(random(2 * 7 * 6, 3), [2, 7, 6]);
  const both = await manager.ops.attention(query, key, value, { causal: true, returnWeights: true });
  for (const head of [0, 1]) {
    const part = ({ data }, n, d) => rowsOf(data.subarray(head * n * d, (head + 1) * n * d), d);
    const want = oracle.attentionHead(part(query, 5, 8), part(key, 7, 8), part(value, 7, 6), { causal: true });
    expectClose(both.output.data.subarray(head * 30, (head + 1) * 30), want.output);
    expectClose(both.weights.data.subarray(head * 35, (head + 1) * 35), want.weights);
  }
  const input = matrix(4, 50, 4),
    beta = random(50, 5);
  expectClose(
    (await manager.ops.layerNorm(input, null, beta)).data,
    rows(input).map((row) => oracle.layerNormRow(row, undefined, beta)),
  );
  const rowOffsets = Int32Array.from([0, 2, 3, 3, 5]),
    columns = Int32Array.from([1, 2, 3, 0, 1]);
  const { ranks } = await manager.ops.pagerank(rowOffsets, columns);
  expectClose(ranks.data, oracle.pagerank(rowOffsets, columns), 1e-4);
};

exports['a result says where and how long'] = async ({ manager }) => {
  const result = await manager.executeWorkload({ type: 'scale', inputs: { input: random(10) }, id: 'mine' });
  assert.deepEqual(Object.keys(result).sort(), [
    'attempts',
    'batchSize',
    'cached',
    'contextId',
    'contextType',
    'cost',
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
    expectClose(
      y.data,
      x.data.map((value) => value ** 2),
    );
    expectClose(
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
    expectClose(
      output,
      input.map((x) => x * 3),
    );
  }
  const shared = manager.sharedTensor([1000]),
    input = manager.sharedTensor([1000]);
  input.data.set(random(1000));
  const { outputs } = await manager.executeWorkload(scale(input), { into: { output: shared } });
  expectClose(
    shared.data,
    input.data.map((x) => x * 2),
  );
  expectClose(outputs.output.data, shared.data);
  shared.release();
  input.release();
};
