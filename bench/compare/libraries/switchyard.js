// switchyard itself, on one device. Every input from host memory, every output to fresh host memory.
'use strict';

const square = (data, size) => ({ data, shape: [size, size], dtype: 'float32' });
const matrix = (data, n, d) => ({ data, shape: [n, d], dtype: 'float32' });

// The upper half of each float32: what the others multiply is less coarse, which the workload's tolerance covers.
function bfloat16(values) {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (word) => (word + 0x8000) >>> 16);
}

// One scale for each row, as `quantize` makes them.
function codesOf(values, rows, d) {
  const codes = new Int8Array(rows * d),
    scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let most = 0;
    for (let i = row * d; i < (row + 1) * d; i++) most = Math.max(most, Math.abs(values[i]));
    scales[row] = most / 127;
    for (let i = row * d; i < (row + 1) * d; i++) codes[i] = Math.round(values[i] / scales[row]);
  }
  return { codes, scales };
}

const linears = {
  float32: (w, { input, weight }) => ({ input: matrix(input, w.n, w.k), weight: matrix(weight, w.m, w.k) }),
  bfloat16: (w, { input, weight }) => ({
    input: { data: bfloat16(input), shape: [w.n, w.k], dtype: 'bfloat16' },
    weight: { data: bfloat16(weight), shape: [w.m, w.k], dtype: 'bfloat16' },
  }),
  int8: (w, { input, weight }) => {
    const { codes, scales } = codesOf(weight, w.m, w.k);
    return { input: matrix(input, w.n, w.k), weight: { data: codes, shape: [w.m, w.k], dtype: 'int8' }, scales };
  },
};

const jobs = {
  linear: (w, data) => ({
    type: 'linear',
    inputs: { ...linears[w.words](w, data), ...(w.plain ? {} : { bias: data.bias }) },
    params: {
      ...(w.plain || w.words === 'int8' ? {} : { activation: 'gelu' }),
      ...(w.words === 'int8' ? { activations: 'int8' } : {}),
    },
  }),
  vector: (w, { a, b }) => ({ type: 'add', inputs: { a, b } }),
  normalize: (w, { input }) => ({ type: 'normalize', inputs: { input: matrix(input, w.n, w.d) } }),
  matmul: (w, { a, b }) => ({ type: 'matmul', inputs: { a: square(a, w.size), b: square(b, w.size) } }),
  softmax: (w, { input }) => ({ type: 'softmax', inputs: { input: matrix(input, w.n, w.d) } }),
  attention: (w, data) => ({
    type: 'attention',
    inputs: Object.fromEntries(
      Object.entries(data).map(([name, values]) => [name, { data: values, shape: [w.h, w.s, w.d], dtype: 'float32' }]),
    ),
  }),
  search: (w, { queries, base }) => ({
    type: 'similarity-search',
    inputs: { queries: matrix(queries, w.q, w.d), base: matrix(base, w.n, w.d) },
    params: { k: w.k, metric: 'dot' },
  }),
  pca: (w, { input }) => ({
    type: 'pca-fit',
    inputs: { input: matrix(input, w.n, w.d) },
    params: { components: w.components },
  }),
  quantize: (w, { input }) => ({ type: 'quantize', inputs: { input: matrix(input, w.n, w.d) } }),
};

// option: 'uploaded' keeps the base of a search on the device, 'cosine' asks for the default metric.
async function open(device) {
  const gpu = require('../../..');
  const context = await gpu.createContext({ device, memoryLimit: 2 * 1024 ** 3 });
  const info = context.device;
  return {
    describe: `switchyard ${require('../../../package.json').version}, ${info.id} (${info.name}; ${info.driver})`,
    notes: { search: 'base from host memory each time, metric dot' },
    async prepare(w, data, option) {
      const job = jobs[w.kind](w, data);
      if (option === 'cosine') job.params.metric = 'cosine';
      if (option === 'uploaded') job.inputs.base = await context.upload(job.inputs.base);
      return async () => {
        const { outputs } = await context.run(job),
          out = {};
        for (const name of Object.keys(outputs)) out[name] = outputs[name].data;
        return out;
      };
    },
    close: () => context.close(),
  };
}

module.exports = { open };
