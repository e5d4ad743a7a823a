// Tensors of every kind: shared, empty, of each type, large, very many.
'use strict';
const { assert, failure, expectClose } = require('../../../assertions');
const { scale } = require('../../../jobs');
const { sleep } = require('../../../waiting');
const { gpu, random } = require('../../../random-data');

const { tensor } = gpu;

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
  expectClose((await manager.ops.reduce(opened, { kind: 'sum' })).data, [605, 600]);
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
  expectClose((await manager.ops.reduce(opened, { kind: 'max' })).data, [7, 2]); // held by the other still
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
  expectClose(
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
  const unit = await manager.ops.normalize(half, { dtype: 'same' });
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
  expectClose(back.data, [1, -2, 7, 0, 0, 0], 1e-6);
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
  expectClose((await manager.ops.matmul(a, a, { alpha: 2 }, { priority: 3 })).data, [14, 20, 30, 44]);
  expectClose((await manager.ops.matmul({ a, b: a }, { transposeB: true })).data, [5, 11, 11, 25]);
  assert.deepEqual(Object.keys(await manager.ops.topK(a, { k: 1 })), ['values', 'indices']);
  assert.deepEqual(Array.from((await manager.ops['top-k'](a, { k: 1 })).indices.data), [1, 1]);
  await failure(manager.ops.scale(a, a), 'ERR_INVALID_ARGUMENT');
  await failure(manager.ops.scale(a, 5), 'ERR_INVALID_ARGUMENT');
};
