// The whole way from JavaScript to one device and back, without a test runner: node test/gpu/end-to-end.js cuda:0
// Prints { passed, failed, checks: [{ name, passed, error? }], figures: [{ name, ms }] } as JSON.
'use strict';
const assert = require('node:assert/strict');
const gpu = require('../..');
const { userKernelChecks } = require('./user-kernels');

const [device] = process.argv.slice(2);
let state = 12345;
const random = (length) =>
  Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
const matrix = (rows, columns) => gpu.tensor(random(rows * columns), [rows, columns]);

function close(got, wanted, tolerance) {
  assert.equal(got.length, wanted.length);
  for (let i = 0; i < wanted.length; ++i)
    assert.ok(Math.abs(got[i] - wanted[i]) <= tolerance, `element ${i} is ${got[i]}, but should be ${wanted[i]}`);
}

function product(a, b) {
  const [m, k] = a.shape,
    n = b.shape[1],
    out = new Float64Array(m * n);
  for (let i = 0; i < m; ++i)
    for (let l = 0; l < k; ++l) for (let j = 0; j < n; ++j) out[i * n + j] += a.data[i * k + l] * b.data[l * n + j];
  return out;
}

async function code(promise) {
  try {
    await promise;
  } catch (error) {
    return error.code;
  }
  return 'nothing was thrown';
}

async function refusedOnCpu(ctx) {
  const glsl = `#version 450
layout(local_size_x = 64) in;
layout(std430, binding = 0) buffer X { float x[]; };
void main() { x[gl_GlobalInvocationID.x] *= 2; }`;
  const kernel = await ctx.compileKernel({ name: 'twice', glsl });
  const job = { inputs: { x: random(64) }, outputs: { x: { shape: [64], dtype: 'float32' } }, threads: [64] };
  assert.equal(await code(ctx.run({ type: 'kernel', kernel, ...job })), 'ERR_UNSUPPORTED');
}

const checks = {
  'the device is listed': async () => assert.ok(gpu.devices().some((it) => it.id === device)),
  'matmul against plain loops': async (ctx) => {
    const a = matrix(97, 130),
      b = matrix(130, 71);
    const { outputs, timings } = await ctx.run({ type: 'matmul', inputs: { a, b } });
    assert.deepEqual(outputs.output.shape, [97, 71]);
    close(outputs.output.data, product(a, b), 1e-4);
    assert.ok(timings.total > 0);
  },
  'into memory the caller has': async (ctx) => {
    const a = random(100000),
      b = random(100000),
      target = new Float32Array(100000);
    await ctx.run({ type: 'add', inputs: { a, b } }, { into: { output: target } });
    close(
      target,
      a.map((x, i) => x + b[i]),
      1e-6,
    );
  },
  'a tensor that stays, used twice and read back': async (ctx) => {
    const input = matrix(500, 64),
      kept = await ctx.upload(input);
    const unit = (await ctx.run({ type: 'normalize', inputs: { input: kept } })).outputs.output;
    for (let row = 0; row < 500; row += 97)
      assert.ok(Math.abs(Math.hypot(...unit.data.subarray(row * 64, row * 64 + 64)) - 1) < 1e-5);
    const query = gpu.tensor(input.data.slice(64 * 123, 64 * 124), [1, 64]);
    const found = (
      await ctx.run({ type: 'similarity-search', inputs: { queries: query, base: kept }, params: { k: 3 } })
    ).outputs;
    assert.equal(found.indices.data[0], 123);
    assert.deepEqual(Array.from((await kept.read()).data), Array.from(input.data));
    kept.release();
  },
  'a graph': async (ctx) => {
    const x = matrix(33, 17),
      w = matrix(17, 9);
    const { outputs } = await ctx.run({
      type: 'graph',
      inputs: { x, w },
      nodes: [
        { type: 'matmul', inputs: { a: 'x', b: 'w' }, outputs: { output: 'h' } },
        { type: 'activation', inputs: { input: 'h' }, params: { kind: 'relu' }, outputs: { output: 'y' } },
      ],
      outputs: ['y'],
    });
    close(
      outputs.y.data,
      product(x, w).map((value) => Math.max(0, value)),
      1e-4,
    );
  },
  '200 jobs at once, each its own': async (ctx) => {
    const input = random(1024);
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, i) => ctx.run({ type: 'scale', inputs: { input }, params: { factor: i } })),
    );
    all.forEach(({ outputs }, i) =>
      close(
        outputs.output.data.subarray(0, 8),
        input.subarray(0, 8).map((x) => x * i),
        1e-4,
      ),
    );
  },
  'errors have their codes': async (ctx) => {
    assert.equal(
      await code(ctx.run({ type: 'matmul', inputs: { a: matrix(2, 3), b: matrix(4, 5) } })),
      'ERR_INVALID_ARGUMENT',
    );
    assert.equal(await code(ctx.run({ type: 'matmull', inputs: {} })), 'ERR_UNKNOWN_WORKLOAD');
    assert.equal(
      await code(ctx.run({ type: 'add', inputs: { a: random(4), b: random(4) } }, { signal: AbortSignal.abort() })),
      'ERR_CANCELED',
    );
    const small = await gpu.createContext({ device, memoryLimit: 4 << 20 });
    // The CPU computes on the caller's memory.
    if (!device.startsWith('cpu'))
      assert.equal(
        await code(small.run({ type: 'softmax', inputs: { input: matrix(2048, 1024) } })),
        'ERR_OUT_OF_MEMORY',
      );
    await small.close();
    assert.equal(await code(small.run({ type: 'add', inputs: { a: random(4), b: random(4) } })), 'ERR_CLOSED');
  },
  'contexts come and go': async () => {
    for (let i = 0; i < 20; ++i) {
      const brief = await gpu.createContext({ device });
      await brief.run({ type: 'add', inputs: { a: random(64), b: random(64) } });
      await brief.close();
    }
  },
  ...(device.startsWith('cpu') ? { "a user's kernel is refused": refusedOnCpu } : userKernelChecks(device)),
};

// Host data in to host data out, unless said otherwise: medians of 15.
async function figures(ctx) {
  const base = await ctx.upload(matrix(100000, 384)),
    queries = matrix(64, 384),
    rows = matrix(10000, 384),
    square = matrix(1024, 1024),
    square2 = matrix(1024, 1024);
  const jobs = {
    'add of 1K elements': { type: 'add', inputs: { a: random(1024), b: random(1024) } },
    'normalize 10,000 x 384': { type: 'normalize', inputs: { input: rows } },
    'matmul 1024': { type: 'matmul', inputs: { a: square, b: square2 } },
    'softmax 1024 x 1024': { type: 'softmax', inputs: { input: square } },
    'quantize 10,000 x 384': { type: 'quantize', inputs: { input: rows } },
    'top 10 of 100,000 x 384 on the device, 64 queries': {
      type: 'similarity-search',
      inputs: { queries, base },
      params: { k: 10 },
    },
    'pca-fit 10,000 x 256 to 64': {
      type: 'pca-fit',
      inputs: { input: matrix(10000, 256) },
      params: { components: 64 },
    },
  };
  const measured = [];
  for (const [name, job] of Object.entries(jobs)) {
    const times = [];
    for (let i = 0; i < 17; ++i) {
      const start = performance.now();
      await ctx.run(job);
      if (i >= 2) times.push(performance.now() - start);
    }
    measured.push({ name, ms: times.sort((a, b) => a - b)[7] });
  }
  base.release();
  return measured;
}

async function main() {
  const ctx = await gpu.createContext({ device });
  const report = { passed: 0, failed: 0, checks: [], figures: [] };
  for (const [name, check] of Object.entries({
    ...checks,
    figures: async () => {
      report.figures = await figures(ctx);
    },
  })) {
    try {
      await check(ctx);
      report.passed += 1;
      report.checks.push({ name, passed: true });
    } catch (error) {
      report.failed += 1;
      report.checks.push({ name, passed: false, error: error.stack });
    }
  }
  await ctx.close();
  console.log(JSON.stringify(report));
  process.exitCode = report.failed ? 1 : 0;
}

main();
