// A thread of the Piscina pool, with a context of its own.
'use strict';
const { workerData } = require('../../node_modules/piscina');
const { makeJob } = require('../job');

const jobs = new Map();
let context;

// What stays in this thread's memory between jobs of a kind: the engine takes no shared buffers.
async function prepared(what) {
  if (jobs.has(what)) return jobs.get(what);
  context ??= await require('../../..').createContext({ device: 'cpu', threads: workerData.threads });
  const { data, shape, workload } = makeJob(what),
    input = new Float32Array(data.length),
    output = new Float32Array(data.length);
  const job = { input, output, shape, workload: workload({ data: input, shape, dtype: 'float32' }), make: workload };
  jobs.set(what, job);
  return job;
}

module.exports = async ({ what, input, output }) => {
  if (output && workerData.javascript) {
    const from = performance.now();
    for (let i = 0; i < input.length; ++i) output[i] = input[i] * 2;
    return { compute: performance.now() - from };
  }
  const job = jobs.get(what) ?? (await prepared(what));
  if (!output) {
    const { outputs, timings } = await context.run(job.make({ data: input, shape: job.shape, dtype: 'float32' }));
    return { output: outputs.output.data, compute: timings.compute };
  }
  job.input.set(input);
  const { timings } = await context.run(job.workload, { into: { output: job.output } });
  output.set(job.output);
  return { compute: timings.compute };
};
