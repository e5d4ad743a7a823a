// Workloads that run for the first time, whose pipelines are compiled for that, and an end that skips the 'exit' event:
// node first-runs.js <device> <ms>
'use strict';
const gpu = require('../../..');

const [device, wait] = process.argv.slice(2);
const matrix = gpu.tensor(new Float32Array(64 * 64), [64, 64]);
const heads = gpu.tensor(new Float32Array(3 * 16 * 8), [3, 16, 8]);
const jobs = [
  { type: 'softmax', inputs: { input: matrix } },
  { type: 'layer-norm', inputs: { input: matrix } },
  { type: 'matmul', inputs: { a: matrix, b: matrix } },
  { type: 'attention', inputs: { query: heads, key: heads, value: heads } },
  { type: 'top-k', inputs: { input: matrix }, params: { k: 3 } },
  { type: 'similarity-search', inputs: { queries: matrix, base: matrix }, params: { k: 3 } },
  { type: 'quantize', inputs: { input: matrix } },
  { type: 'pca-fit', inputs: { input: matrix }, params: { components: 2 } },
  { type: 'activation', inputs: { input: matrix }, params: { kind: 'gelu' } },
  { type: 'reduce', inputs: { input: matrix }, params: { kind: 'norm' } },
];

async function main() {
  const contexts = await Promise.all([1, 2, 3].map(() => gpu.createContext({ device })));
  setTimeout(() => process.reallyExit(7), Number(wait));
  contexts.forEach((context, i) => {
    for (const job of [...jobs.slice(3 * i), ...jobs]) context.run(job).catch(() => {});
  });
}
main();
