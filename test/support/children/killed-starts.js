// Workers that are ended from outside as they open a driver's device: node killed-starts.js <signal, or exit>. Prints
// how many, and which devices are held to have done it.
'use strict';
const cluster = require('node:cluster');
const gpu = require('../../..');
const { sleep } = require('../waiting');

async function main(how) {
  const manager = gpu.createGPUClusterManager({ workers: 2, exec: __filename, logLevel: 'silent' });
  let ended = 0;
  const until = performance.now() + 20000;
  while (ended < 3 && performance.now() < until) {
    const opening = manager.contexts().find(({ id, state }) => state === 'starting' && !id.includes('cpu'));
    const worker = opening && cluster.workers[opening.workerId];
    if (worker && !worker.isDead() && !worker.told) {
      worker.told = true;
      ++ended;
      if (how === 'exit') worker.send('exit');
      else worker.process.kill(how);
    }
    await sleep(1);
  }
  await manager.ready;
  const { avoidedDevices } = await manager.health();
  await manager.close();
  console.log(JSON.stringify({ ended, avoidedDevices }));
}

if (cluster.isPrimary) main(process.argv[2]);
else {
  process.on('message', (message) => message === 'exit' && process.exit(0));
  gpu.createGPUClusterManager();
}
