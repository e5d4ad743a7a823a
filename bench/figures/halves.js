// Kernels that memory bounds, on half precision against float32: 64 MB of float32 in, halves in and out for the other.
// All inputs are on the device; outputs go to memory that is there.
'use strict';
const { timeEach, median } = require('../stats');

const kElements = 16 * 1024 * 1024;
const kColumns = 1024;

/** What each workload reads. */
const kInputs = { normalize: ['input'], softmax: ['input'], add: ['a', 'b'] };

function floats() {
  const data = new Float32Array(kElements);
  let state = 7;
  for (let i = 0; i < kElements; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state / 2147483648 - 1;
  }
  return { data, shape: [kElements / kColumns, kColumns], dtype: 'float32' };
}

// The best of the rounds' medians of each, in turns, by the workload's name.
async function overFloats({ device, rounds, roundMs }) {
  const gpu = require('../..');
  const context = await gpu.createContext({ device, memoryLimit: 2 * 1024 ** 3 });
  try {
    const input = floats();
    const cast = await context.run({ type: 'cast', inputs: { input }, params: { dtype: 'float16' } });
    const ways = [];
    for (const tensor of [input, cast.outputs.output])
      ways.push({ dtype: tensor.dtype, uploaded: await context.upload(tensor), target: tensor.data.slice() });
    const times = {};
    for (const [type, names] of Object.entries(kInputs)) {
      const runs = ways.map(({ dtype, uploaded, target }) => {
        const inputs = Object.fromEntries(names.map((name) => [name, uploaded]));
        const job = { type, inputs, params: dtype === 'float32' ? {} : { dtype: 'same' } };
        return () => context.run(job, { into: { output: target } });
      });
      const medians = ways.map(() => []);
      for (const run of runs) await run();
      for (let round = 0; round < rounds; round++)
        for (let i = 0; i < runs.length; i++)
          medians[i].push(median(await timeEach(runs[i], { budgetMs: roundMs, least: 3 })));
      const best = medians.map((all) => Math.min(...all));
      times[type] = { float32: best[0], float16: best[1] };
    }
    return times;
  } finally {
    await context.close();
  }
}

module.exports = { overFloats };
