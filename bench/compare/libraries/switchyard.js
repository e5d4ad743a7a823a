// switchyard itself, on one device. Every input from host memory, every output to fresh host memory.
'use strict';

const square = (data, size) => ({ data, shape: [size, size], dtype: 'float32' });
const matrix = (data, n, d) => ({ data, shape: [n, d], dtype: 'float32' });

const jobs = {
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
  const info = gpu.devices().find((it) => it.id === device) ?? { id: device, name: '' };
  return {
    describe: `switchyard ${require('../../../package.json').version}, ${info.id} (${info.name})`,
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
