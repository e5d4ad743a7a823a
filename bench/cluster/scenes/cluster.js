// A cluster that forks its workers by itself, as an application does, and what its primary spends on each job.
'use strict';
const { createGPUClusterManager } = require('../../..');
const { Crew } = require('../crew');
const measure = require('../measure');
const { sleep, now, percentile } = require('../../stats');

const kTimeoutMs = 20_000;
const runs = new Map();
let manager, crew, ownWay;

// way: 'switchyard' or 'messages'. The workers have one context each, of a CPU, with an even share of the cores.
async function open({ way, count, json, threads }) {
  if (way === 'switchyard') {
    manager = createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1, logLevel: 'error' });
    ownWay = require('../ways/switchyard');
  }
  crew = new Crew({ way, count, serialization: json ? 'json' : 'advanced' });
  await crew.all('open', { workers: crew.ids, threads, json });
  const until = now() + kTimeoutMs;
  while (manager && manager.contexts().filter(({ isActive }) => isActive).length < count) {
    if (now() > until) throw new Error("the workers' contexts were not ready in time");
    await sleep(10);
  }
  await ownWay?.open();
  return { workers: crew.ids };
}

const requesters = (by) => (by === 'all' ? crew.workers : crew.workers.slice(0, 1));

// by: who asks: 'first' worker, 'all' workers, or the 'primary'. There, `to` may be several workers.
async function prepare({ by, ...args }) {
  if (by !== 'primary') {
    await crew.all('prepare', args, requesters(by));
    return;
  }
  const lanes = [];
  for (const to of [args.to].flat()) lanes.push(await ownWay.prepareMany({ ...args, to }));
  let next = 0;
  const run = () => lanes[next++ % lanes.length]();
  await measure.many(run, { width: args.width, budgetMs: args.warmMs });
  runs.set(args.name, run);
}

async function withCpu(take) {
  const before = process.cpuUsage(),
    result = await take(),
    { user, system } = process.cpuUsage(before);
  return { ...result, primaryUs: (user + system) / result.runs };
}

const each = (args) => withCpu(() => crew.call(crew.workers[0], 'each', args));

const many = ({ by, ...args }) =>
  withCpu(async () => {
    if (by === 'primary') return measure.many(runs.get(args.name), args);
    const parts = await crew.all('many', args, requesters(by));
    return {
      perSecond: parts.reduce((sum, it) => sum + it.perSecond, 0),
      runs: parts.reduce((sum, it) => sum + it.runs, 0),
    };
  });

// Jobs that go to one worker and the other in turn: each is a switch.
async function switches({ budgetMs, least }) {
  const { makeJob } = require('../job');
  const { data, shape, workload } = makeJob(4096),
    job = workload({ data, shape, dtype: 'float32' });
  const names = [];
  for (const id of crew.ids.slice(0, 2)) names.push(await ownWay.affinityTo(id));
  const samples = [],
    end = now() + budgetMs;
  for (let i = 0, last = ''; now() < end || samples.length < least; ++i) {
    const { contextId, timings } = await manager.executeWorkload(job, { affinity: names[i % 2] });
    if (contextId === last) throw new Error(`the job stayed on ${contextId}`);
    last = contextId;
    if (i >= 100) samples.push(timings.switch);
  }
  const {
    performance: { contextSwitches, contextSwitchTime },
  } = await manager.getMetrics();
  return {
    p50: percentile(samples, 50),
    p99: percentile(samples, 99),
    samples: samples.length,
    contextSwitches,
    contextSwitchTime,
  };
}

module.exports = { open, prepare, each, many, switches };
