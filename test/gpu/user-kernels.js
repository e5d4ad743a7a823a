// Users' kernels on one device, against plain loops: each from the source that the device's backend takes, from both at
// once, and refused where there is none for it. Checks for end-to-end.js.
'use strict';
const assert = require('node:assert/strict');
const gpu = require('../..');

const glslSaxpy = `#version 450
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer X { float x[]; };
layout(std430, binding = 1) buffer Y { float y[]; };
layout(push_constant) uniform Params { uint n; float a; };
void main() {
  const uint i = gl_GlobalInvocationID.x;
  if (i < n) y[i] = a * x[i] + y[i];
}`;
// Not the order of the GLSL, and values between the pointers.
const cudaSaxpy = `__global__ void saxpy(float a, const float* x, unsigned n, float* y) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];
}`;
const saxpy = {
  glsl: { name: 'saxpy', glsl: glslSaxpy },
  cuda: { name: 'saxpy', cuda: cudaSaxpy, bindings: ['a', 'x', 'n', 'y'] },
};

// Rows of a table by their numbers, in blocks of 16 x 8.
const glslGather = `#version 450
layout(local_size_x = 16, local_size_y = 8) in;
layout(std430, binding = 0) readonly buffer Table { float table[]; };
layout(std430, binding = 1) readonly buffer Rows { int rows[]; };
layout(std430, binding = 2) writeonly buffer Gathered { float gathered[]; };
layout(push_constant) uniform Params { uint columns; uint count; };
void main() {
  const uint column = gl_GlobalInvocationID.x, row = gl_GlobalInvocationID.y;
  if (column < columns && row < count) gathered[row * columns + column] = table[uint(rows[row]) * columns + column];
}`;
const cudaGather = `
__global__ void gather(const float* table, const int* rows, float* gathered, unsigned columns, unsigned count) {
  const unsigned column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  if (column < columns && row < count) gathered[row * columns + column] = table[(size_t)rows[row] * columns + column];
}`;
const gather = {
  glsl: { name: 'gather', glsl: glslGather },
  cuda: { name: 'gather', cuda: cudaGather, bindings: ['table', 'rows', 'gathered', 'columns', 'count'] },
};

let state = 2463534242;
const random = (length) =>
  Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });

async function runSaxpy(ctx, sources) {
  const kernel = await ctx.compileKernel(sources);
  for (const n of [1, 63, 64, 65, 1009, 1 << 20]) {
    const x = random(n),
      y = random(n),
      a = -1.75;
    const before = y.slice();
    const { outputs } = await ctx.run({
      type: 'kernel',
      kernel,
      inputs: { x, y },
      outputs: { y: { shape: [n], dtype: 'float32' } },
      params: { a, n },
      threads: [n],
    });
    assert.deepEqual(y, before, 'an input was written to');
    for (let i = 0; i < n; ++i) {
      const wanted = a * x[i] + before[i];
      assert.ok(
        Math.abs(outputs.y.data[i] - wanted) <= 1e-6 * (1 + Math.abs(wanted)),
        `n ${n}: y[${i}] is ${outputs.y.data[i]}, but should be ${wanted}`,
      );
    }
  }
}

async function runGather(ctx, sources) {
  const kernel = await ctx.compileKernel(sources);
  for (const [count, columns] of [
    [1, 1],
    [8, 16],
    [9, 17],
    [257, 33],
    [1000, 384],
  ]) {
    const table = random(100 * columns),
      rows = Int32Array.from({ length: count }, (_, i) => (i * 37) % 100);
    const { outputs } = await ctx.run({
      type: 'kernel',
      kernel,
      inputs: { table, rows },
      outputs: { gathered: { shape: [count, columns], dtype: 'float32' } },
      params: { columns, count },
      threads: [columns, count],
    });
    const wanted = new Float32Array(count * columns);
    rows.forEach((row, i) => wanted.set(table.subarray(row * columns, row * columns + columns), i * columns));
    assert.deepEqual(outputs.gathered.shape, [count, columns]);
    assert.deepEqual(outputs.gathered.data, wanted, `${count} x ${columns}`);
  }
}

// Blocks along y are counted in 16 bits on CUDA.
async function tooManyThreads(ctx) {
  const kernel = await ctx.compileKernel(gather.cuda);
  const job = {
    inputs: { table: random(4), rows: new Int32Array(1) },
    outputs: { gathered: { shape: [4], dtype: 'float32' } },
    params: { columns: 4, count: 1 },
  };
  await assert.rejects(async () => ctx.run({ type: 'kernel', kernel, ...job, threads: [4, 65536] }), {
    code: 'ERR_INVALID_ARGUMENT',
    message: /65535/,
  });
  await ctx.run({ type: 'kernel', kernel, ...job, threads: [4, 65535] });
}

// More than a block has without asking (48 KB), and no more than the least card has (64 KB on compute capability 7.5).
async function dynamicShared(ctx) {
  const words = 60 * 256;
  const cuda = `extern __shared__ int s[];
__global__ void __launch_bounds__(256) turn(const int* x, int* y) {
  for (unsigned i = threadIdx.x; i < ${words}; i += 256) s[i] = x[i];
  __syncthreads();
  for (unsigned i = threadIdx.x; i < ${words}; i += 256) y[i] = s[${words} - 1 - i];
}`;
  const source = { name: 'turn', cuda, bindings: ['x', 'y'] };
  const x = Int32Array.from({ length: words }, (_, i) => i * 3 - 1000);
  const job = { type: 'kernel', inputs: { x }, outputs: { y: { shape: [words], dtype: 'int32' } }, threads: 256 };
  const kernel = await ctx.compileKernel({ ...source, sharedBytes: 4 * words });
  const { outputs } = await ctx.run({ ...job, kernel });
  assert.deepEqual(outputs.y.data, x.slice().reverse());
  await assert.rejects(
    async () => ctx.run({ ...job, kernel: await ctx.compileKernel({ ...source, sharedBytes: 256 * 1024 }) }),
    { code: 'ERR_UNSUPPORTED', message: /262144 bytes of dynamic shared memory/ },
  );
}

async function headersAndOptions(ctx) {
  const cuda = `#include <cuda_fp16.h>
__global__ void halve(const __half* x, float* y, unsigned n) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = __half2float(__hmul(x[i], __float2half(FACTOR)));
}`;
  const kernel = await ctx.compileKernel({
    name: 'halve',
    cuda,
    bindings: ['x', 'y', 'n'],
    cudaOptions: ['-DFACTOR=0.5f', '--fmad=false'],
  });
  const x = Uint16Array.from([0x3c00, 0x4000, 0x4200, 0xc400]); // 1, 2, 3, -4
  const inputs = { x: gpu.tensor(x, [4], 'float16') };
  const outputs = { y: { shape: [4], dtype: 'float32' } };
  const done = await ctx.run({ type: 'kernel', kernel, inputs, outputs, params: { n: 4 }, threads: 4 });
  assert.deepEqual(Array.from(done.outputs.y.data), [0.5, 1, 1.5, -2]);
}

/** @param {string} device 'cuda:0', 'vulkan:0' */
function userKernelChecks(device) {
  const [own, other] = device.startsWith('cuda') ? ['cuda', 'glsl'] : ['glsl', 'cuda'];
  return {
    [`saxpy from ${own}`]: (ctx) => runSaxpy(ctx, saxpy[own]),
    'saxpy from both sources': (ctx) => runSaxpy(ctx, { ...saxpy.glsl, ...saxpy.cuda }),
    [`gather from ${own}`]: (ctx) => runGather(ctx, gather[own]),
    'gather from both sources': (ctx) => runGather(ctx, { ...gather.glsl, ...gather.cuda }),
    'what a kernel leaves alone is zero': async (ctx) => {
      // Not writeonly: one that is so declared is promised to be written as a whole.
      const kernel = await ctx.compileKernel(
        own === 'cuda' ? gather.cuda : { ...gather.glsl, glsl: glslGather.replace('writeonly ', '') },
      );
      const { outputs } = await ctx.run({
        type: 'kernel',
        kernel,
        inputs: { table: random(64), rows: new Int32Array(8) },
        outputs: { gathered: { shape: [1000], dtype: 'float32' } },
        params: { columns: 4, count: 2 },
        threads: [4, 2],
      });
      assert.ok(outputs.gathered.data.subarray(0, 8).every((value) => value !== 0));
      assert.ok(outputs.gathered.data.subarray(8).every((value) => value === 0));
    },
    'an error of the compiler has its place': async (ctx) => {
      const broken = {
        cuda: { ...saxpy.cuda, cuda: cudaSaxpy.replace('if (i < n)', 'if (i < m)') },
        glsl: { ...saxpy.glsl, glsl: glslSaxpy.replace('if (i < n)', 'if (i < m)') },
      };
      await assert.rejects(
        async () => ctx.compileKernel(broken[own]),
        (error) =>
          error.code === 'ERR_COMPILE' && /['"]m['"]/.test(error.log) && error.line === (own === 'cuda' ? 3 : 8),
      );
    },
    [`a kernel of ${other} alone is refused`]: async (ctx) => {
      const n = 4,
        job = {
          inputs: { x: random(n), y: random(n) },
          outputs: { y: { shape: [n], dtype: 'float32' } },
          params: { a: 1, n },
          threads: [n],
        };
      await assert.rejects(
        async () => ctx.run({ type: 'kernel', kernel: await ctx.compileKernel(saxpy[other]), ...job }),
        { code: 'ERR_UNSUPPORTED' },
      );
    },
    ...(own === 'cuda' && {
      'threads beyond what a launch has': tooManyThreads,
      'dynamic shared memory': dynamicShared,
      "the toolkit's headers, and options": headersAndOptions,
    }),
    'kernels of many contexts at once, and after they have gone': async () => {
      for (let round = 0; round < 3; ++round) {
        const contexts = await Promise.all(Array.from({ length: 4 }, () => gpu.createContext({ device })));
        await Promise.all(
          contexts.map((each, i) => (i % 2 ? runSaxpy(each, saxpy[own]) : runGather(each, gather[own]))),
        );
        await Promise.all(contexts.map((each) => each.close()));
      }
    },
  };
}

module.exports = { userKernelChecks };
