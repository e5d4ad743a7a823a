// Jobs through the cluster: asked here, run on the context of another worker (`to` its id, or 'other'), on the one of
// this worker ('self'), or wherever the cluster places them ('any').
'use strict';
const { createGPUClusterManager } = require('../../..');
const { makeJob, check } = require('../job');
const { sleep, now } = require('../../stats');

const kTimeoutMs = 5000;
let manager, ownId;

async function open() {
  manager = createGPUClusterManager({ logLevel: 'error' });
  await manager.ready;
  ownId = require('node:cluster').worker?.id ?? 0;
}

// A new affinity goes to the context that is free or least recently used and stays there, so that one that stays with
// the wanted worker is soon found: sooner after a job of our own on our own context. While the other one asks already,
// ours may be all that is free.
async function affinityTo(wanted) {
  const { data, shape, workload } = makeJob(4096),
    job = workload({ data, shape, dtype: 'float32' });
  for (let i = 0, until = now() + kTimeoutMs; now() < until; ++i) {
    if (wanted === 'other') await manager.executeWorkload(job);
    const affinity = `bench ${ownId} ${wanted} ${i}`,
      { workerId } = await manager.executeWorkload(job, { affinity });
    if (wanted === 'other' ? workerId !== ownId : workerId === wanted) return affinity;
    await sleep(1);
  }
  throw new Error(`no affinity leads to worker ${wanted}`);
}

// The run, which is checked once.
async function prepare({ what, to, shared }) {
  const job = makeJob(what),
    options = to === 'self' || to === 'any' ? {} : { affinity: await affinityTo(to) };
  let input = { data: job.data, shape: job.shape, dtype: 'float32' };
  if (shared) {
    input = manager.sharedTensor(job.shape);
    input.data.set(job.data);
    options.into = { output: manager.sharedTensor(job.shape) };
  }
  const workload = job.workload(input);
  const { outputs, workerId } = await manager.executeWorkload(workload, options);
  check(outputs.output.data, job);
  if (to === 'self' ? workerId !== ownId : to === 'other' ? workerId === ownId : to !== 'any' && workerId !== to)
    throw new Error(`the job ran in worker ${workerId}`);
  return async () => {
    const result = await manager.executeWorkload(workload, options);
    if (result.workerId !== workerId && to !== 'any')
      throw new Error(`the job ran in worker ${result.workerId} instead of ${workerId}`);
    return result.timings.compute;
  };
}

// For jobs a second with many at once: memory of its own for each that is in flight.
async function prepareMany({ what, to, shared, width }) {
  if (!shared) return prepare({ what, to });
  const lanes = [];
  for (let i = 0; i < width; ++i) lanes.push(await prepare({ what, to, shared }));
  const free = [...lanes];
  return async () => {
    const lane = free.pop();
    await lane();
    free.push(lane);
  };
}

module.exports = { open, prepare, prepareMany, affinityTo };
