// A worker that closes its manager and exits in good order, again and again: node leaving.js <rounds>. Prints how often
// each event told of it.
'use strict';
const cluster = require('node:cluster');
const gpu = require('../../..');
const { scale } = require('../jobs');

const options = { contextTypes: ['cpu'], contextsPerWorker: 1, logLevel: 'silent' };

async function main(rounds) {
  const manager = gpu.createGPUClusterManager(options);
  const told = { left: 0, lost: [] };
  const gone = () =>
    new Promise((resolve) => {
      manager.once('worker-left', () => resolve(++told.left));
      manager.once('worker-lost', ({ reason }) => resolve(told.lost.push(reason)));
    });
  for (let round = 0; round < rounds; ++round) {
    const ready = new Promise((resolve) => {
      manager.once('worker-ready', resolve);
    });
    const worker = cluster.fork();
    await ready;
    const ended = gone();
    worker.send('leave');
    // Jobs are on their way to it as it leaves.
    await Promise.all(
      Array.from({ length: 4 }, () =>
        manager.executeWorkload(scale(new Float32Array(40000)), { timeout: 500 }).catch(() => {}),
      ),
    );
    await ended;
    manager.removeAllListeners();
  }
  const { restarts } = await manager.health();
  await manager.close();
  console.log(JSON.stringify({ ...told, restarts }));
}

if (cluster.isPrimary) main(Number(process.argv[2]));
else {
  const manager = gpu.createGPUClusterManager(options);
  process.on('message', async (message) => {
    if (message !== 'leave') return;
    await manager.close();
    process.exit(0);
  });
}
