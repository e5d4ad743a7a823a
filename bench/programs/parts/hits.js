// A mix of 200 kernels, some asked for far more often than others, and how often a job finds its program in the
// context.
'use strict';
const { createGPUClusterManager } = require('../../..');
const { smallKernel, smallJob, random } = require('../sources');
const { sleep } = require('../../stats');

const kSettleMs = 1500; // counters are read once in a while

// Kernel numbers by Zipf's law with s = 1: number i is asked for in proportion to 1 / (i + 1), in a shuffled order of
// names.
function zipf(kernels, jobs, seed = 20) {
  const next = random(seed),
    cumulative = [];
  for (let i = 0, sum = 0; i < kernels; ++i) cumulative.push((sum += 1 / (i + 1)));
  const total = cumulative.at(-1),
    names = Array.from({ length: kernels }, (_, i) => i);
  for (let i = kernels - 1; i > 0; --i) {
    const j = Math.floor(next() * (i + 1));
    [names[i], names[j]] = [names[j], names[i]];
  }
  return Array.from({ length: jobs }, () => {
    const at = next() * total;
    let low = 0,
      high = kernels - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle] > at) high = middle;
      else low = middle + 1;
    }
    return names[low];
  });
}

// Hits of a cache that forgets what was used longest ago. `before`: what it was filled with, in order.
function simulateLru(sequence, capacity, before) {
  const cache = new Map();
  let hits = 0;
  const use = (number) => {
    const hit = cache.delete(number);
    cache.set(number, true);
    if (cache.size > capacity) cache.delete(cache.keys().next().value);
    return hit;
  };
  before.forEach(use);
  for (const number of sequence) if (use(number)) ++hits;
  return hits / sequence.length;
}

async function compileAll(manager, kernels) {
  const all = [];
  for (let i = 0; i < kernels; ++i) all.push(await manager.compileKernel(smallKernel(i)));
  return all;
}

// Several jobs at a time over two workers: what the cluster says of itself.
async function cluster({ kernels, jobs, lanes }) {
  const manager = createGPUClusterManager({
    workers: 2,
    contextTypes: ['vulkan'],
    contextsPerWorker: 1,
    logLevel: 'error',
  });
  await manager.ready;
  const all = await compileAll(manager, kernels),
    sequence = zipf(kernels, jobs);
  let next = 0;
  const lane = async () => {
    while (next < sequence.length) await manager.executeWorkload(smallJob(all[sequence[next++]]));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await sleep(kSettleMs);
  const { cacheHitRate, totalShaders } = await manager.getMetrics(),
    contexts = manager.contexts().map(({ id, shaderCount, jobsRun }) => ({ id, shaderCount, jobsRun }));
  await manager.close();
  return { percent: cacheHitRate, totalShaders, contexts };
}

// One job after the other on the only context, whose capacity comes from SHADER_CACHE_SIZE: beside a simulation of the
// same sequence.
async function alone({ kernels, jobs, capacity }) {
  const manager = createGPUClusterManager({ contextTypes: ['vulkan'], contextsPerWorker: 1, logLevel: 'error' });
  await manager.ready;
  const all = await compileAll(manager, kernels),
    sequence = zipf(kernels, jobs);
  for (const number of sequence) await manager.executeWorkload(smallJob(all[number]));
  await sleep(kSettleMs);
  const { cacheHitRate } = await manager.getMetrics(),
    [{ shaderCount }] = manager.contexts();
  await manager.close();
  return {
    percent: cacheHitRate,
    bound:
      100 *
      simulateLru(
        sequence,
        capacity,
        all.map((_, i) => i),
      ),
    shaderCount,
  };
}

module.exports = { cluster, alone };
