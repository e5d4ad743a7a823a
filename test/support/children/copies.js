// What is copied for jobs with plain tensors, and where: node copies.js alone|cluster [few]. Prints how many bytes each
// step copied, those of them that the event loop waited for, and what was wrong.
'use strict';
const gpu = require('../../..');
const { native } = require('../../../lib/addon');
const { slowJob } = require('../jobs');
const { until } = require('../waiting');

const kRows = 4096;
const kColumns = 256;
const kSmall = 1 << 20; // bytes
const kSquare = 1024; // of a matrix: 4 MB

const base = (seed) => ({
  data: Float32Array.from(
    { length: kRows * kColumns },
    (_, i) => (Math.sin((i + 1) * (seed + 12.9898)) * 43758.5453) % 1,
  ),
  shape: [kRows, kColumns],
  dtype: 'float32',
});
const search = (tensor, row) => ({
  type: 'similarity-search',
  inputs: {
    queries: {
      data: tensor.data.slice(row * kColumns, (row + 1) * kColumns),
      shape: [1, kColumns],
      dtype: 'float32',
    },
    base: tensor,
  },
  params: { k: 1 },
});
const ones = (shape) => ({ data: new Float32Array(shape[0] * shape[1]).fill(1), shape, dtype: 'float32' });
/** A job of small inputs and one output of 4 MB, whose elements are all `value`. @param {number} value */
const outer = (value) => ({
  type: 'matmul',
  inputs: { a: ones([kSquare, 1]), b: ones([1, kSquare]) },
  params: { alpha: value },
});

async function main(where, howMany) {
  const manager = gpu.createGPUClusterManager({
    contextTypes: ['cpu'],
    contextsPerWorker: 1,
    logLevel: 'error',
    ...(where === 'cluster' && { workers: 1 }),
  });
  await manager.ready;
  const asked = { affinity: 'a' }; // by way of the coordinator
  const run = (workload, options) => manager.executeWorkload(workload, { ...asked, ...options });
  const warnings = [];
  process.on('warning', ({ code }) => warnings.push(code));
  const wrong = [];
  const check = (name, isRight) => isRight || wrong.push(name);
  const steps = {};
  const end = async () => {
    await manager.close();
    console.log(JSON.stringify({ steps, wrong, warnings }));
  };
  const step = async (name, work) => {
    const before = native.copyCounts();
    await work();
    const [bytes, onLoop] = native.copyCounts().map((count, i) => count - before[i]);
    steps[name] = { bytes, onLoop };
  };
  const searches = (tensors) =>
    Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const { outputs } = await run(search(tensors[i % tensors.length], 17 * i));
        check(`search ${i}`, outputs.indices.data[0] === 17 * i);
      }),
    );

  const tensor = base(0);
  await step('one array, eight at a time', () => searches([tensor]));
  await step('again', () => searches([tensor]));
  tensor.data.set(base(5).data); // they have settled
  await step('changed', () => searches([tensor]));
  if (howMany === 'few') {
    await new Promise((resolve) => setTimeout(resolve, 200)); // the thread that has copied ends
    process.env.NO_THREADS = 'yes'; // see test/support/threads.c
    await step('no thread', () => searches([base(0)]));
    return end();
  }
  // Small enough for a turn of the event loop, until the turn has copied 2 MB.
  const few = (count) =>
    Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const input = new Float32Array(kSmall / 4).fill(i);
        const { outputs } = await run({ type: 'scale', inputs: { input }, params: { factor: 2 } });
        check(
          `small ${i}`,
          outputs.output.data.every((value) => value === 2 * i),
        );
      }),
    );
  await few(8); // memory that the system has given
  await step('a small array', () => few(1));
  await step('small arrays', () => few(8));
  await step('two arrays', () => searches([base(1), base(2)]));
  await step('the same bytes as integers', async () => {
    const input = new Float32Array(1 << 20).fill(1);
    const whole = new Int32Array(input.buffer);
    const [a, b] = await Promise.all([
      run({ type: 'reduce', inputs: { input }, params: { kind: 'sum' } }),
      run({ type: 'add', inputs: { a: whole, b: whole } }).catch(({ code }) => code),
    ]);
    check('the sum', a.outputs.output.data[0] === 1 << 20);
    check('integers are refused', b === 'ERR_INVALID_ARGUMENT');
  });
  await step('canceled as it is copied', async () => {
    const controller = new AbortController();
    const job = run(search(base(3), 0), { signal: controller.signal });
    controller.abort();
    const error = await job.catch((failed) => failed);
    check('the error', error.code === 'ERR_CANCELED');
    await error.released;
    const late = await run(search(base(4), 0), { timeout: 0.01 }).catch((failed) => failed);
    check(`late: ${late.message}`, late.code === 'ERR_TIMEOUT');
    await late.released;
  });
  const every = (data, value) => data.length === kSquare * kSquare && data.every((each) => each === value);
  await step('outputs', async () => {
    const results = await Promise.all([1, 2, 3, 4].map((value) => run(outer(value))));
    results.forEach(({ outputs }, i) => check(`output ${i}`, every(outputs.output.data, i + 1)));
  });
  await step('into memory of the caller', async () => {
    const output = new Float32Array(kSquare * kSquare);
    const { outputs } = await run(outer(7), { into: { output } });
    check('into', outputs.output.data === output && every(output, 7));
  });
  await step('equal jobs', async () => {
    // Nobody is done before all were asked for. What is still copied would be passed by them.
    const before = run(slowJob(8));
    await until(() => manager.contexts().some(({ state }) => state === 'busy'));
    const results = await Promise.all([1, 2, 3].map(() => run(outer(9), { cache: true })));
    const [first, ...others] = results.map(({ outputs }) => outputs.output.data);
    check('cached', results.some(({ cached }) => cached) && [first, ...others].every((data) => every(data, 9)));
    await before;
    first.fill(0);
    check(
      'each has its own',
      others.every((data) => every(data, 9)),
    );
  });
  await step('much', async () => {
    for (let i = 0; i < 20; ++i) await searches([tensor]);
  });
  return end();
}
main(...process.argv.slice(2));
