// A process without a cluster and a kernel that never ends: node endless-standalone.js <how it goes on>. Prints a line
// of JSON a step.
'use strict';
const { endless, endlessJob, briefJob } = require('../endless-kernel');
const { sleep } = require('../waiting');
const gpu = require('../../..');

const how = process.argv[2];
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const codeOf = (promise) =>
  promise.then(
    () => 'done',
    ({ code }) => code,
  );

async function ofAContext() {
  const ctx = await gpu.createContext({ device: 'vulkan' });
  const kernel = await ctx.compileKernel({ name: 'endless', glsl: endless });
  say(await codeOf(ctx.run(endlessJob(kernel), { timeout: 300 })));
}

async function ofAManager() {
  const manager = gpu.createGPUClusterManager({
    contextTypes: ['cpu', 'vulkan'],
    contextsPerWorker: 2,
    logLevel: 'error',
  });
  await manager.ready;
  const kernel = await manager.compileKernel({ name: 'endless', glsl: endless });
  say(await codeOf(manager.executeWorkload(briefJob(kernel))));
  // through the coordinator, or on its own context at once
  const asked = how === 'close' ? { priority: 1, affinity: 'a' } : {};
  say(await codeOf(manager.executeWorkload(endlessJob(kernel), { timeout: 300, ...asked })));
  if (how === 'exit') setTimeout(() => process.exit(7), 50);
  if (how !== 'close') return;
  await sleep(1000);
  const { status, contexts } = await manager.health();
  say({ status, states: contexts.map(({ contextType, state }) => `${contextType} ${state}`) });
  say(await codeOf(manager.executeWorkload(briefJob(kernel), { timeout: 200 })));
  const { contextType } = await manager.executeWorkload({ type: 'scale', inputs: { input: new Float32Array(3) } });
  say(contextType);
  const at = performance.now();
  await manager.close();
  say(performance.now() - at < 3000 ? 'closed' : 'closed late');
}

if (how === 'context') ofAContext();
else ofAManager();
