// Jobs in turns on the contexts of two workers on one device: node two-workers.js cuda:0 1000. Prints { sameUs,
// turnsUs }: a job of 1K on one context, and one when each comes after another process's.
'use strict';
const gpu = require('../..');

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

async function main() {
  const [device, ms] = process.argv.slice(2);
  const manager = gpu.createGPUClusterManager({
    workers: 2,
    contextsPerWorker: 1,
    devices: [device],
    logLevel: 'error',
  });
  await manager.ready;
  const deadline = performance.now() + 60_000;
  while (manager.contexts().length < 2 && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const a = new Float32Array(1024).fill(1),
    b = new Float32Array(1024).fill(2);
  // A job of each affinity goes to a context of its own for as long as both are well.
  const timeJob = async (affinity) => {
    const begin = performance.now();
    const { contextId } = await manager.executeWorkload({ type: 'add', inputs: { a, b } }, { affinity });
    return { us: (performance.now() - begin) * 1000, contextId };
  };
  const homes = new Map();
  for (const affinity of ['one', 'two', 'three', 'four', 'five', 'six'])
    homes.set((await timeJob(affinity)).contextId, affinity);
  if (homes.size < 2) throw new Error(`all jobs went to ${[...homes.keys()][0]}, so that nothing is switched`);
  const [first, second] = homes.values();
  const measure = async (affinities) => {
    const all = [],
      end = performance.now() + Number(ms) / 2;
    for (let i = 0; performance.now() < end || all.length < 20; ++i) all.push((await timeJob(affinities[i % 2])).us);
    return median(all);
  };
  await measure([first, second]);
  const sameUs = await measure([first, first]);
  const turnsUs = await measure([first, second]);
  await manager.close();
  console.log(JSON.stringify({ sameUs, turnsUs }));
}

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
