// fs.readFile of a small file: alone, beside 256 jobs in flight, and beside threads that burn as much CPU without
// libuv.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { now, sleep, percentile, median } = require('../stats');
const { openContext, squareJob, keepInFlight } = require('./load');

// One read a millisecond or slower; how long each takes from the call to its callback, and the cores this process used.
async function reads(file, durationMs) {
  const samples = [],
    start = now(),
    before = process.cpuUsage();
  while (now() - start < durationMs) {
    const from = now();
    await new Promise((resolve, reject) => fs.readFile(file, (error) => (error ? reject(error) : resolve())));
    samples.push(now() - from);
    await sleep(1);
  }
  const used = process.cpuUsage(before),
    cores = (used.user + used.system) / 1000 / (now() - start);
  return { p50: median(samples), p99: percentile(samples, 99), reads: samples.length, cores };
}

async function besideSpin(file, cores, durationMs) {
  const count = Math.max(1, Math.min(os.availableParallelism(), Math.round(cores)));
  const workers = Array.from(
    { length: count },
    () => new Worker(path.join(__dirname, 'spin.js'), { workerData: { share: Math.min(1, cores / count) } }),
  );
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('online', resolve))));
  await sleep(50);
  const result = await reads(file, durationMs);
  await Promise.all(workers.map((worker) => worker.terminate()));
  return result;
}

async function besideJobs(context, file, durationMs) {
  const load = keepInFlight(context, squareJob(256), 256);
  await sleep(50);
  const result = await reads(file, durationMs);
  return { ...result, jobs: await load.stop() };
}

async function measure({ device, rounds, durationMs }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-bench-')),
    file = path.join(folder, 'small');
  fs.writeFileSync(file, 'x'.repeat(1024));
  const context = await openContext(device);
  try {
    await reads(file, durationMs / 4);
    await besideJobs(context, file, durationMs / 4);
    const idle = await reads(file, durationMs),
      pairs = [];
    for (let i = 0; i < rounds; i++) {
      const jobs = await besideJobs(context, file, durationMs);
      const spin = await besideSpin(file, Math.max(0.1, jobs.cores - idle.cores), durationMs);
      pairs.push({ jobs, spin, ratio: jobs.p99 / spin.p99 });
    }
    pairs.sort((a, b) => a.ratio - b.ratio);
    return { idle, pairs, middle: pairs[(pairs.length - 1) >> 1] };
  } finally {
    await context.close();
    fs.rmSync(folder, { recursive: true });
  }
}

module.exports = { measure };
