// A worker that runs a job on a context of its own while its event loop is blocked, and is followed from the primary:
// node follow-worker.js. Prints what jobs() and why() said there, and in the worker.
'use strict';
const cluster = require('node:cluster');
const { once } = require('node:events');
const gpu = require('../../..');
const { scale, slowJob } = require('../jobs');
const { sleep } = require('../waiting');

const kBlockedMs = 1000;

function block(ms) {
  const until = Date.now() + ms;
  while (Date.now() < until);
}

async function work(manager) {
  await manager.ready;
  await manager.executeWorkload({ ...scale(new Float32Array(4)), id: 'quick' });
  const job = manager.executeWorkload({ ...slowJob(12), id: 'own' }, { priority: 3, timeout: 60_000 });
  await sleep(20); // it has begun
  process.send('blocked');
  await sleep(5);
  block(kBlockedMs);
  await job;
  process.on('message', (message) => {
    if (message === 'end') manager.close().then(() => cluster.worker.disconnect());
  });
  process.send({ seen: await manager.why('asked-in-the-primary'), own: await manager.why('own') });
}

async function lead(manager) {
  const worker = cluster.fork();
  await manager.ready;
  await manager.executeWorkload({ ...scale(new Float32Array(4)), id: 'asked-in-the-primary' });
  const refused = (id) => manager.why(id).then(String, ({ code, message }) => ({ code, message }));
  await once(worker, 'message');
  await sleep(50);
  const report = { blocked: await manager.jobs(), unknown: await refused('own') };
  const [told] = await once(worker, 'message');
  Object.assign(report, told, { own: [told.own, await manager.why('own')], quick: await manager.why('quick') });
  worker.send('end');
  await once(worker, 'exit');
  await manager.close();
  console.log(JSON.stringify(report));
}

const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1 });
if (cluster.isPrimary) lead(manager);
else work(manager);
