// A process without a cluster that loses a device for good (SWITCHYARD_FAULT=dead@...): argv[2] is that device's
// context type, argv[3] another type, or nothing. Prints how its jobs ended, what its health says, and what a context
// can still be opened on.
'use strict';
const { sleep } = require('../waiting');
const gpu = require('../../..');

const [type, other] = process.argv.slice(2);
const data = new Float32Array(40000).fill(3);
const messages = new Set();

/** How a job ended: 'ok on <type>', or its error's code. */
async function ask(manager, options) {
  try {
    const workload = { type: 'scale', inputs: { input: data }, params: { factor: 2 } };
    const { outputs, contextType } = await manager.executeWorkload(workload, { timeout: 10000, ...options });
    return outputs.output.data.every((value) => value === 6) ? `ok on ${contextType}` : 'wrong';
  } catch (error) {
    messages.add(error.message);
    return error.code;
  }
}

async function many(manager, options) {
  const ends = await Promise.all(Array.from({ length: 20 }, () => ask(manager, options)));
  return Object.fromEntries([...new Set(ends)].sort().map((end) => [end, ends.filter((one) => one === end).length]));
}

async function open(device) {
  try {
    const context = await gpu.createContext({ device });
    await context.close();
    return `ok on ${context.device.backend}`;
  } catch (error) {
    messages.add(error.message);
    return error.code;
  }
}

async function main() {
  const contextTypes = other ? [type, other] : [type];
  const manager = gpu.createGPUClusterManager({ contextTypes, contextsPerWorker: 1, logLevel: 'silent' });
  const awake = setInterval(() => {}, 1000);
  await manager.ready;
  const report = { before: (await manager.health()).status };
  report.there = await many(manager, { contextType: type }); // the first of them loses it
  let health;
  for (let i = 0; i < 500; ++i) {
    health = await manager.health();
    if (health.lostDevices.length) break;
    await sleep(10);
  }
  report.anywhere = await many(manager);
  const at = performance.now();
  report.later = await many(manager, { contextType: type });
  report.laterMs = performance.now() - at;
  health = await manager.health();
  Object.assign(report, { status: health.status, lostDevices: health.lostDevices });
  report.contexts = manager.contexts().map(({ id, state }) => `${id} ${state}`);
  await manager.close();
  Object.assign(report, { named: await open(type), auto: await open('auto') });
  report.warned = gpu
    .devices()
    .filter(({ warning }) => /restart the process/.test(warning ?? ''))
    .map(({ id }) => id);
  clearInterval(awake);
  process.stdout.write(JSON.stringify({ ...report, messages: [...messages] }));
}

main();
