// A search and a product over two workers, whole and split, in turns: what each turn took.
'use strict';
const { createGPUClusterManager } = require('../../..');
const { sleep, now } = require('../../stats');

const kTimeoutMs = 20_000;

function fill(data) {
  for (let i = 0; i < data.length; ++i) data[i] = Math.sin(i * 0.37);
  return data;
}

/** Sealed, as data is that many jobs use: a copy may stay on a device. */
function sealed(manager, shape) {
  const tensor = manager.sharedTensor(shape);
  fill(tensor.data);
  return tensor.seal();
}

function jobsOf(manager) {
  const queries = { data: fill(new Float32Array(384)), shape: [1, 384] };
  return {
    search: {
      type: 'similarity-search',
      inputs: { queries, base: sealed(manager, [200_000, 384]) },
      params: { k: 10 },
    },
    matmul: { type: 'matmul', inputs: { a: sealed(manager, [1024, 1024]), b: sealed(manager, [1024, 1024]) } },
  };
}

/** Each in turn whole and split, so that both have the machine as it is just then. */
async function compare({ warm, turns }) {
  const manager = createGPUClusterManager({
    workers: 2,
    contextTypes: ['cpu'],
    contextsPerWorker: 1,
    logLevel: 'error',
  });
  const until = now() + kTimeoutMs;
  await manager.ready;
  while (manager.contexts().filter(({ isActive }) => isActive).length < 2) {
    if (now() > until) throw new Error("the workers' contexts were not ready in time");
    await sleep(10);
  }
  const times = {};
  for (const [name, job] of Object.entries(jobsOf(manager))) {
    const once = async (split) => {
      const start = now();
      const { parts } = await manager.executeWorkload({ ...job, split });
      const ms = now() - start;
      if (split && parts.length !== 2) throw new Error(`${name} ran in ${parts.length} part(s)`);
      return ms;
    };
    for (let i = 0; i < warm; ++i) for (const split of [false, true]) await once(split);
    times[name] = { whole: [], split: [] };
    for (let i = 0; i < turns; ++i) {
      times[name].whole.push(await once(false));
      times[name].split.push(await once(true));
    }
  }
  await manager.close();
  return times;
}

module.exports = { compare };
