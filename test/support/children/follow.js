// Jobs that are followed, under load: node follow.js alone|workers. Prints what jobs() and why() said.
'use strict';
const gpu = require('../../..');
const { scale, slowJob } = require('../jobs');
const { sleep } = require('../waiting');

async function main(where) {
  const manager = gpu.createGPUClusterManager({
    contextTypes: ['cpu'],
    contextsPerWorker: 2,
    ...(where === 'workers' ? { workers: 1 } : {}),
  });
  await manager.ready;
  const refused = (id) => manager.why(id).then(String, ({ code, message }) => ({ code, message }));
  const report = { unknown: await refused('never'), wrong: [] };
  for (const id of [7, undefined, null, {}, ['a']]) report.wrong.push(await refused(id));
  const before = Date.now();
  const under = [1, 2, 3, 4].map((n) =>
    manager.executeWorkload({ ...slowJob(18), id: `slow-${n}` }, { priority: n, timeout: 60_000 }),
  );
  await sleep(60); // smaller jobs pass those whose inputs are still copied
  const asked = Date.now();
  const late = manager
    .executeWorkload({ ...scale(new Float32Array(4)), id: 'late' }, { timeout: 100 })
    .catch(({ code, message }) => ({ code, message }));
  await sleep(30);
  report.jobs = await manager.jobs();
  report.deadlines = report.jobs.map(({ id, deadline }) => deadline - (id === 'late' ? asked : before));
  report.live = await manager.why('slow-4');
  await Promise.all(under);
  report.late = await late;
  report.whyLate = await manager.why('late');
  report.ended = await Promise.all([1, 2, 3, 4].map((n) => manager.why(`slow-${n}`)));
  const { workloadId } = await manager.executeWorkload(scale(new Float32Array(4)));
  report.small = [workloadId, await manager.why(workloadId)];
  await manager.executeWorkload({ ...scale(new Float32Array(4)), id: 'twice' });
  const input = gpu.tensor(new Float32Array([1, -2]), [1, 2]);
  await manager.executeWorkload({ type: 'normalize', inputs: { input }, id: 'twice' });
  report.twice = await manager.why('twice');
  report.left = await manager.jobs();
  // What ended within its call, on the process's contexts and by way of the coordinator is kept apart, 10,000 of each.
  for (let round = 0; round < 10 && typeof (report.forgotten ?? '') === 'string'; ++round) {
    for (let i = 0; i < 10_100; i += 100)
      await Promise.all(Array.from({ length: 100 }, () => manager.executeWorkload(scale(new Float32Array(4)))));
    report.forgotten = await refused(workloadId);
  }
  await manager.close();
  report.closed = await refused('slow-1');
  console.log(JSON.stringify(report));
}
main(process.argv[2]);
