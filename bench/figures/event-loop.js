// How late the event loop is while jobs run: perf_hooks' 1 ms timer, its interval taken off, so that a timer on time
// counts as 0.
'use strict';
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { sleep } = require('../stats');
const { openContext, squareJob, largeJob, keepInFlight } = require('./load');

const kIntervalMs = 1;

async function delays(durationMs) {
  const histogram = monitorEventLoopDelay({ resolution: kIntervalMs });
  histogram.enable();
  await sleep(durationMs);
  histogram.disable();
  const late = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - kIntervalMs);
  return {
    p50: late(histogram.percentile(50)),
    p99: late(histogram.percentile(99)),
    max: late(histogram.max),
    rawP99: histogram.percentile(99) / 1e6,
  };
}

const idle = ({ durationMs }) => delays(durationMs);

async function under(device, job, width, rounds, durationMs, options) {
  const context = await openContext(device),
    results = [];
  await context.run(job);
  let jobs = 0;
  for (let i = 0; i < rounds; i++) {
    const load = keepInFlight(context, job, width, options);
    await sleep(20);
    results.push(await delays(durationMs));
    jobs += await load.stop();
  }
  await context.close();
  results.sort((a, b) => a.p99 - b.p99);
  return { best: results[0], all: results.map((it) => it.p99), jobs };
}

const matmul = ({ device, rounds, durationMs }) => under(device, squareJob(1024), 4, rounds, durationMs);
const large = ({ device, rounds, durationMs }) => under(device, largeJob(16 * 1024 * 1024), 64, rounds, durationMs);
// The same into memory the caller already has: without 16 MB of garbage a job, whose collection by V8 is most of what
// `large` sees.
const largeInto = ({ device, rounds, durationMs }) =>
  under(device, largeJob(16 * 1024 * 1024), 64, rounds, durationMs, () => ({
    into: { output: new Float32Array(4 * 1024 * 1024) },
  }));

module.exports = { delays, idle, matmul, large, largeInto };
