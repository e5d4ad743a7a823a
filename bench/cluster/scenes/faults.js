// How soon a worker that was killed is replaced.
'use strict';
const cluster = require('node:cluster');
const { createGPUClusterManager } = require('../../..');
const { sleep, now } = require('../../stats');

const kPauseMs = 300;
const kTimeoutMs = 20_000;

async function restarts({ workers, contextTypes, kills }) {
  const manager = createGPUClusterManager({ workers, logLevel: 'fatal', ...(contextTypes ? { contextTypes } : {}) });
  await manager.ready;
  const times = [];
  for (let i = 0; i < kills; ++i) {
    await sleep(kPauseMs);
    const alive = Object.values(cluster.workers),
      victim = alive[Math.floor(Math.random() * alive.length)];
    const from = now();
    const ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no new worker in ${kTimeoutMs / 1000} s`)), kTimeoutMs);
      manager.once('worker-ready', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    victim.process.kill('SIGKILL');
    await ready;
    times.push(now() - from);
  }
  const contexts = manager.contexts().map(({ contextType }) => contextType),
    { restarts: counted } = await manager.health();
  await manager.close();
  return { times, contexts: [...new Set(contexts)], restarts: counted };
}

module.exports = { restarts };
