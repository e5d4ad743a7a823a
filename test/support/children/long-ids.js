// Jobs whose ids are longer than a message may be, followed from a worker: node long-ids.js. Prints what it was told.
'use strict';
const cluster = require('node:cluster');
const { on, once } = require('node:events');
const gpu = require('../../..');
const { scale, slowJob } = require('../jobs');

const kLong = 'x'.repeat(70 * 2 ** 20);

async function work(manager) {
  process.on('message', async (message) => {
    if (message === 'end') manager.close().then(() => cluster.worker.disconnect());
    else if (message === 'ask') process.send({ jobs: await manager.jobs(), steps: await manager.why(kLong) });
  });
  await manager.ready;
  process.send('ready');
}

/** What a worker says, but for what is the cluster's own. */
async function said(worker, isIt) {
  for await (const [message] of on(worker, 'message')) if (isIt(message)) return message;
}

async function lead(manager) {
  const worker = cluster.fork();
  await manager.ready;
  await said(worker, (message) => message === 'ready');
  const ids = { slow: `slow${kLong}`, small: `small${kLong}`, last: kLong }; // the first one's memory is made ready
  const jobs = [
    manager.executeWorkload({ ...slowJob(12), id: ids.slow }),
    manager.executeWorkload({ ...scale(new Float32Array(4)), id: ids.small }),
    manager.executeWorkload({ ...slowJob(12), id: ids.last }),
  ];
  worker.send('ask');
  const report = await said(worker, ({ jobs: told }) => told);
  report.whole = (await Promise.all(jobs)).map(({ workloadId }, i) => workloadId === Object.values(ids)[i]);
  report.ended = await manager.why(kLong);
  worker.send('end');
  await once(worker, 'exit');
  await manager.close();
  console.log(JSON.stringify(report));
}

const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1 });
if (cluster.isPrimary) lead(manager);
else work(manager);
