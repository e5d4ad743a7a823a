// Jobs with ids of their own, and where those were whose time is up: node named-jobs.js here|asked|workers. Prints ids
// and messages; the log goes to stderr.
'use strict';
const gpu = require('../../..');
const { scale, slowJob } = require('../jobs');
const { sleep } = require('../waiting');

async function main(where) {
  const manager = gpu.createGPUClusterManager({
    contextTypes: ['cpu'],
    contextsPerWorker: 1,
    logLevel: 'debug',
    ...(where === 'workers' ? { workers: 1 } : {}),
  });
  const failure = (workload, options) =>
    manager.executeWorkload(workload, options).then(
      () => ({ message: 'done' }),
      ({ code, message, workloadId, released }) => ({ code, message, workloadId, hasReleased: released !== undefined }),
    );
  const told = [];
  manager.on('workload-failed', ({ workloadId, message }) => told.push([workloadId, message]));
  const report = { early: await failure({ ...slowJob(400), id: 'early' }, { timeout: 1000 }) };
  await manager.ready;
  await manager.executeWorkload({ ...scale(new Float32Array(4)), id: 'report-13' });
  // On a machine that is busy elsewhere the coordinator may take longer to say where than a timeout waits for it.
  for (let i = 0; i < 5 && !/ on /.test(report.running?.message); ++i) {
    told.length = 1;
    report.running = await failure({ ...slowJob(400), id: 'runs' }, { timeout: 100 });
  }
  const before = Array.from({ length: 4 }, () => manager.executeWorkload(slowJob(40)));
  await sleep(60); // the first of them runs: smaller jobs pass those whose inputs are still copied
  report.queued = await failure({ ...scale(new Float32Array(4)), id: 'waits' }, { timeout: 60 });
  await Promise.all(before);
  await failure({ ...scale(new Float32Array(4)), id: 'unknown', type: 'none' });
  await manager.close();
  console.log(JSON.stringify({ ...report, told }));
}
main(process.argv[2]);
