// What a cluster costs that has run jobs and has none now.
'use strict';
const cluster = require('node:cluster');
const fs = require('node:fs');
const { createGPUClusterManager } = require('../../..');
const { makeJob } = require('../job');
const { sleep, now } = require('../../stats');

const kSettleMs = 1500;
const kTickMs = 10; // of /proc/<pid>/stat: USER_HZ is 100 wherever Node runs

// CPU time of all threads of a process, in ms.
function cpuMs(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * kTickMs;
}

async function measure({ workers, durationMs }) {
  const manager = createGPUClusterManager({ workers, logLevel: 'error' });
  await manager.ready;
  const { data, shape, workload } = makeJob(4096);
  for (let i = 0; i < 200; ++i) await manager.executeWorkload(workload({ data, shape, dtype: 'float32' }));
  await sleep(kSettleMs);
  const pids = Object.values(cluster.workers).map((worker) => worker.process.pid),
    from = now();
  const before = pids.map(cpuMs),
    ownBefore = process.cpuUsage();
  await sleep(durationMs);
  const elapsed = now() - from,
    own = process.cpuUsage(ownBefore),
    ofWorkers = pids.map((pid, i) => (100 * (cpuMs(pid) - before[i])) / elapsed);
  const contexts = manager.contexts().map(({ id }) => id);
  await manager.close();
  return { ofWorkers, ofPrimary: (100 * (own.user + own.system)) / 1000 / elapsed, contexts };
}

module.exports = { measure };
