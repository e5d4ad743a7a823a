// Jobs of many steps, listened to: node progress.js alone|workers cpu|vulkan. Prints the events of each job, and what
// jobs() said meanwhile.
'use strict';
const gpu = require('../../..');
const { slowJob, scale } = require('../jobs');
const { sleep } = require('../waiting');

/** A ring of so many nodes. */
function layout(n, iterations) {
  const columns = Int32Array.from({ length: n }, (_, i) => (i + 1) % n);
  const rowOffsets = Int32Array.from({ length: n + 1 }, (_, i) => i);
  return { type: 'force-layout', inputs: { rowOffsets, columns }, params: { iterations } };
}

async function main(where, contextType) {
  const manager = gpu.createGPUClusterManager({
    contextTypes: [contextType],
    contextsPerWorker: 1,
    ...(where === 'workers' ? { workers: 1 } : {}),
  });
  await manager.ready;
  const run = (workload) => manager.executeWorkload(workload, { timeout: 120_000 });
  const events = [];
  const listen = (event) => events.push({ ...event, at: performance.now() });
  const [steps, iterations] = contextType === 'cpu' ? [30, 300] : [3, 120]; // a software driver takes longer
  await run({ ...slowJob(steps / 3), id: 'unheard' });
  manager.on('progress', listen);
  const jobsUnderWay = [
    run({ ...slowJob(steps), id: 'graph' }),
    run({ ...layout(20_000, iterations), id: 'layout' }),
    run({ ...scale(new Float32Array(4)), id: 'small' }),
  ];
  let jobs = [];
  for (let i = 0; i < 200 && !jobs.some(({ progress }) => progress); ++i) {
    await sleep(20);
    jobs = await manager.jobs();
  }
  await Promise.all(jobsUnderWay);
  manager.off('progress', listen);
  const heard = events.length;
  await run({ ...slowJob(steps / 3), id: 'graph' });
  await manager.close();
  console.log(JSON.stringify({ events, heard, jobs }));
}
main(process.argv[2], process.argv[3]);
