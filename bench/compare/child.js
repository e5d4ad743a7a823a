// One library in its own process: prepares a workload, runs it, times it. Driven by messages from compare.js.
'use strict';
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { timeEach, throughput, median, percentile, now, sleep } = require('../stats');
const { workloads } = require('./workloads');

const [libraryName, device] = process.argv.slice(2);
const kSlowMs = 1500; // needs no warm-up
let library, data, dataOf, current;

// How far one after another of these runs keeps the event loop from turning.
async function blocking(run, budgetMs) {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await sleep(20); // its first tick only sets the start
  const before = performance.eventLoopUtilization(),
    samples = [],
    end = now() + budgetMs;
  while (now() < end) {
    const from = now();
    await run();
    samples.push(now() - from);
    await new Promise(setImmediate); // a library that never yields would otherwise show no turn at all
  }
  const { utilization } = performance.eventLoopUtilization(before);
  await sleep(5); // the timer that records the last gap comes after it
  histogram.disable();
  const runMs = median(samples),
    longestMs = Math.max(0, histogram.max / 1e6 - 1);
  return {
    runMs,
    p99Ms: Math.max(0, histogram.percentile(99) / 1e6 - 1),
    longestMs,
    utilization,
    blocks: longestMs > runMs / 2 && utilization > 0.9,
  };
}

const operations = {
  async open() {
    library = await require(`./libraries/${libraryName}`).open(device);
    return { describe: library.describe, notes: library.notes };
  },
  async prepare({ name, option, warmMs }) {
    const workload = workloads.find((it) => it.name === name);
    current = null;
    if (dataOf !== name) data = workload.data(workload);
    dataOf = name;
    const run = await library.prepare(workload, data, option);
    if (!run) return null;
    const from = now(),
      outputs = await run();
    if (now() - from < kSlowMs) await timeEach(run, { budgetMs: warmMs, least: 2 });
    current = run;
    return { outputs };
  },
  time: async ({ budgetMs, least }) => {
    const samples = await timeEach(current, { budgetMs, least });
    return { median: median(samples), p90: percentile(samples, 90), runs: samples.length };
  },
  inFlight: async ({ width, budgetMs }) => ({ perSecond: await throughput(current, { width, budgetMs }) }),
  blocking: async ({ budgetMs }) => blocking(current, budgetMs),
  drop: async () => {
    current = data = dataOf = null;
    global.gc?.();
  },
};

process.on('message', async ({ id, operation, args }) => {
  try {
    process.send({ id, result: await operations[operation](args) });
  } catch (error) {
    process.send({ id, error: `${error.code ? `${error.code}: ` : ''}${error.message}` });
  }
});
process.on('disconnect', () => process.exit());
