// The webgpu package (Dawn). Buffers, pipelines and bind groups are made once; a run writes inputs, dispatches and maps
// the results.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const shaders = require('./webgpu-shaders');

const { version } = JSON.parse(fs.readFileSync(path.join(__dirname, '../../node_modules/webgpu/package.json')));
const float = Float32Array;
const rowGroups = (n) => [Math.min(n, 32768), Math.ceil(n / 32768)];

// What a run does: inputs { name: Float32Array }, buffers { name: bytes }, steps [code, names of bindings, groups],
// outputs { name: type }.
const plans = {
  vector: (w, data) => ({
    inputs: data,
    buffers: { output: w.n * 4 },
    steps: [[shaders.add, ['a', 'b', 'output'], [w.n / 256]]],
    outputs: { output: float },
  }),
  normalize: (w, data) => ({
    inputs: data,
    buffers: { output: w.n * w.d * 4 },
    steps: [[shaders.normalize(w.d), ['input', 'output'], rowGroups(w.n)]],
    outputs: { output: float },
  }),
  softmax: (w, data) => ({
    inputs: data,
    buffers: { output: w.n * w.d * 4 },
    steps: [[shaders.softmax(w.d), ['input', 'output'], rowGroups(w.n)]],
    outputs: { output: float },
  }),
  quantize: (w, data) => ({
    inputs: data,
    buffers: { output: w.n * w.d, scales: w.n * 4 },
    steps: [[shaders.quantize(w.d), ['input', 'output', 'scales'], rowGroups(w.n)]],
    outputs: { output: Int8Array, scales: float },
  }),
  matmul: (w, data) => {
    const sizes = { m: w.size, n: w.size, k: w.size };
    return {
      inputs: data,
      buffers: { output: w.size ** 2 * 4 },
      steps: [[shaders.matmul(sizes), ['a', 'b', 'output'], shaders.matmulGroups(sizes)]],
      outputs: { output: float },
    };
  },
  linear: (w, data) => {
    if (!w.plain) return null;
    const sizes = { m: w.n, n: w.m, k: w.k };
    return {
      inputs: { input: data.input },
      kept: { weight: transposed(data.weight, 0, w.m, w.k) },
      buffers: { output: w.n * w.m * 4 },
      steps: [[shaders.matmul(sizes), ['input', 'weight', 'output'], shaders.matmulGroups(sizes)]],
      outputs: { output: float },
    };
  },
  attention: (w, data) => {
    const first = { m: w.s, n: w.s, k: w.d, transB: true, alpha: 1 / Math.sqrt(w.d), batch: w.h };
    const second = { m: w.s, n: w.d, k: w.s, batch: w.h };
    return {
      inputs: data,
      buffers: { scores: w.h * w.s * w.s * 4, weights: w.h * w.s * w.s * 4, output: w.h * w.s * w.d * 4 },
      steps: [
        [shaders.matmul(first), ['query', 'key', 'scores'], shaders.matmulGroups(first)],
        [shaders.softmax(w.s), ['scores', 'weights'], rowGroups(w.h * w.s)],
        [shaders.matmul(second), ['weights', 'value', 'output'], shaders.matmulGroups(second)],
      ],
      outputs: { output: float },
    };
  },
  // The base stays on the device, its columns side by side, in two halves: one binding may cover 128 MiB.
  search: (w, data) => {
    const half = w.n / 2,
      sizes = { m: w.q, n: half, k: w.d };
    const [code, groups] =
      w.q === 1
        ? [shaders.scores({ n: half, d: w.d }), [Math.ceil(half / 256)]]
        : [shaders.matmul(sizes), shaders.matmulGroups(sizes)];
    return {
      inputs: { queries: data.queries },
      kept: { low: transposed(data.base, 0, half, w.d), high: transposed(data.base, half, half, w.d) },
      buffers: { lowScores: w.q * half * 4, highScores: w.q * half * 4 },
      steps: [
        [code, ['queries', 'low', 'lowScores'], groups],
        [code, ['queries', 'high', 'highScores'], groups],
      ],
      outputs: { lowScores: float, highScores: float },
      finish: ({ lowScores, highScores }) => best(w, half, [lowScores, highScores]),
    };
  },
  pca: (w, data) => {
    const { principalComponents } = require('../pca');
    const product = { m: w.d, n: w.d, k: w.n, transA: true, alpha: 1 / (w.n - 1) };
    return {
      inputs: data,
      buffers: { mean: w.d * 4, centred: w.n * w.d * 4, covariance: w.d * w.d * 4 },
      steps: [
        [shaders.meanColumns(w.n, w.d), ['input', 'mean'], [Math.ceil(w.d / 32)]],
        [shaders.centre(w.d), ['input', 'mean', 'centred'], [Math.ceil((w.n * w.d) / 256)]],
        [shaders.matmul(product), ['centred', 'centred', 'covariance'], shaders.matmulGroups(product)],
      ],
      outputs: { covariance: float, mean: float },
      finish: ({ covariance, mean }) => principalComponents(covariance, mean, w.d, w.components),
    };
  },
};

function transposed(base, first, n, d) {
  const out = new Float32Array(n * d);
  for (let r = 0; r < n; r++) for (let c = 0; c < d; c++) out[c * n + r] = base[(first + r) * d + c];
  return out;
}

// The k best of each query, chosen in JavaScript from the scores of the halves.
function best(w, half, halves) {
  const scores = new Float32Array(w.q * w.k),
    indices = new Int32Array(w.q * w.k);
  for (let q = 0; q < w.q; q++) {
    const values = new Float32Array(w.k).fill(-Infinity),
      at = new Int32Array(w.k);
    halves.forEach((part, h) => {
      for (let i = 0; i < half; i++) {
        const score = part[q * half + i];
        if (!(score > values[w.k - 1])) continue;
        let slot = w.k - 1;
        for (; slot > 0 && values[slot - 1] < score; slot--) {
          values[slot] = values[slot - 1];
          at[slot] = at[slot - 1];
        }
        values[slot] = score;
        at[slot] = h * half + i;
      }
    });
    scores.set(values, q * w.k);
    indices.set(at, q * w.k);
  }
  return { scores, indices };
}

class Runner {
  constructor(device, plan) {
    this.device = device;
    this.plan = plan;
    this.slots = [];
    this.pipelines = new Map();
    for (const [code] of plan.steps)
      if (!this.pipelines.has(code))
        this.pipelines.set(
          code,
          device.createComputePipeline({
            layout: 'auto',
            compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
          }),
        );
    this.kept = {};
    for (const [name, values] of Object.entries(plan.kept ?? {})) {
      this.kept[name] = this.#buffer(values.byteLength, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST);
      device.queue.writeBuffer(this.kept[name], 0, values);
    }
  }
  #buffer(size, usage) {
    return this.device.createBuffer({ size, usage });
  }
  // One slot is what one run in flight needs; finished runs leave theirs for the next.
  #slot() {
    const { plan, device } = this,
      buffers = { ...this.kept },
      staging = {};
    for (const [name, values] of Object.entries(plan.inputs))
      buffers[name] = this.#buffer(values.byteLength, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST);
    for (const [name, size] of Object.entries(plan.buffers))
      buffers[name] = this.#buffer(size, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
    for (const name of Object.keys(plan.outputs))
      staging[name] = this.#buffer(plan.buffers[name], GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    const groups = plan.steps.map(([code, names]) =>
      device.createBindGroup({
        layout: this.pipelines.get(code).getBindGroupLayout(0),
        entries: names.map((name, binding) => ({ binding, resource: { buffer: buffers[name] } })),
      }),
    );
    return { buffers, staging, groups };
  }
  async run() {
    const { plan, device } = this,
      slot = this.slots.pop() ?? this.#slot();
    for (const [name, values] of Object.entries(plan.inputs)) device.queue.writeBuffer(slot.buffers[name], 0, values);
    const encoder = device.createCommandEncoder(),
      pass = encoder.beginComputePass();
    plan.steps.forEach(([code, , groups], i) => {
      pass.setPipeline(this.pipelines.get(code));
      pass.setBindGroup(0, slot.groups[i]);
      pass.dispatchWorkgroups(...groups);
    });
    pass.end();
    for (const [name, staging] of Object.entries(slot.staging))
      encoder.copyBufferToBuffer(slot.buffers[name], 0, staging, 0, plan.buffers[name]);
    device.queue.submit([encoder.finish()]);
    const names = Object.keys(slot.staging),
      out = {};
    await Promise.all(names.map((name) => slot.staging[name].mapAsync(GPUMapMode.READ)));
    for (const name of names) {
      out[name] = new plan.outputs[name](slot.staging[name].getMappedRange().slice(0));
      slot.staging[name].unmap();
    }
    this.slots.push(slot);
    return plan.finish ? plan.finish(out) : out;
  }
}

async function open() {
  const { create, globals } = require('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create([]),
    adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('no adapter');
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
  let failure = null;
  device.addEventListener?.('uncapturederror', (event) => {
    failure ??= event.error.message;
  });
  return {
    held: [gpu, adapter], // the process crashes in Dawn when these are collected while the device lives
    describe: `webgpu ${version} on ${adapter.info.description}`,
    notes: {
      search: 'base kept on the device, transposed beforehand; top 10 chosen in JavaScript from the scores',
      pca: 'covariance here, eigenvectors by ml-matrix',
    },
    async prepare(w, data) {
      const plan = plans[w.kind](w, data);
      if (!plan) return null;
      const runner = new Runner(device, plan);
      return async () => {
        const out = await runner.run();
        if (failure) throw new Error(failure);
        return out;
      };
    },
  };
}

module.exports = { open };
