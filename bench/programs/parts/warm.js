// A start with programs on disk: what loading them and making them ready takes, and how much of that is the driver's.
'use strict';
const gpu = require('../../..');
const { native } = require('../../../lib/addon/native');
const { GPUContext } = require('../../../lib/context/context');
const { prepareOn } = require('../../../lib/program/compiler');
const { nextId, track } = require('../../../lib/call/pending');
const { smallKernel, smallJob, smallInput, smallValue } = require('../sources');
const { now } = require('../../stats');

// A run that compiles `count` kernels and leaves them, and the list of them, on disk.
async function fill({ count }) {
  const manager = gpu.createGPUClusterManager({ contextTypes: ['vulkan'], contextsPerWorker: 1, logLevel: 'error' });
  await manager.ready;
  for (let i = 0; i < count; ++i) {
    const { outputs } = await manager.executeWorkload(smallJob(await manager.compileKernel(smallKernel(i))));
    const wrong = outputs.y.data.findIndex((y, at) => !(Math.abs(y - smallValue(i, smallInput[at])) <= 1e-5 * (1 + i)));
    if (wrong >= 0)
      throw new Error(
        `kernel ${i} gives ${outputs.y.data[wrong]} for ${smallInput[wrong]}, but must give ` +
          `${smallValue(i, smallInput[wrong])}`,
      );
  }
  await manager.close();
}

const load = (id, folder) => {
  const number = nextId();
  native.loadProgram(number, id, folder);
  return track(number, undefined, undefined, ({ handle }) => handle);
};

// What the warm-up of a worker does, one program after the other, so that parts add up.
async function steps({ count }) {
  const folder = native.cacheFolder(),
    context = await gpu.createContext({ device: 'vulkan' });
  const from = now(),
    { ids } = native.loadWarmUp(folder);
  let driver = 0,
    loaded = 0;
  for (const id of ids) {
    const program = await load(id, folder);
    if (!program) continue;
    ++loaded;
    driver += (await prepareOn(GPUContext.handleOf(context), program)).ms;
  }
  const total = now() - from;
  await context.close();
  if (loaded !== count) throw new Error(`${loaded} of ${count} programs were found on disk`);
  return { total, driver, beyond: total - driver };
}

// A manager's own start.
async function start() {
  const from = now(),
    manager = gpu.createGPUClusterManager({ contextTypes: ['vulkan'], contextsPerWorker: 1, logLevel: 'error' });
  await manager.ready;
  const ready = now() - from;
  await manager.close();
  return { ready };
}

module.exports = { fill, steps, start };
