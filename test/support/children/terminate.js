// Worker threads that are terminated with work in flight, again and again.
'use strict';
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');

const [device, rounds] = process.argv.slice(2);

async function main() {
  for (let round = 0; round < Number(rounds); ++round) {
    const workers = [1, 2].map(() => new Worker(path.join(__dirname, 'work.js'), { workerData: [device, 'stay', 0] }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    await new Promise((resolve) => setTimeout(resolve, round * 7));
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  // This thread still works.
  const gpu = require('../../..');
  const ctx = await gpu.createContext({ device });
  const { outputs } = await ctx.run({ type: 'add', inputs: { a: new Float32Array([1]), b: new Float32Array([2]) } });
  await ctx.close();
  console.log(`sum ${outputs.output.data[0]}`);
}
main();
