// Resident memory over many cycles or jobs: what the second half adds. Needs --expose-gc.
'use strict';
const { median } = require('../stats');
const { openContext, smallJob, largeJob } = require('./load');

const turn = () => new Promise(setImmediate);

// After two collections and the finalizers they leave.
async function residentMb() {
  for (let i = 0; i < 2; i++) {
    global.gc();
    await turn();
    await turn();
  }
  return process.memoryUsage().rss / 1e6;
}

// Runs step(count) a hundred times; growth from the end of the first half to the end of the second, each end the median
// of five readings.
async function growth(step, total) {
  const readings = [];
  for (let i = 0; i < 100; i++) {
    await step(total / 100);
    readings.push(await residentMb());
  }
  const half = median(readings.slice(45, 50)),
    end = median(readings.slice(95));
  return { growthMb: end - half, startMb: readings[0], halfMb: half, endMb: end };
}

// Create, run, close. `leak` keeps every output on purpose: the check must notice.
async function cycles({ device, count, leak }) {
  const job = smallJob(),
    kept = [];
  const result = await growth(async (steps) => {
    for (let i = 0; i < steps; i++) {
      const context = await openContext(device);
      const { outputs } = await context.run(job);
      if (leak) kept.push(outputs.output.data);
      await context.close();
    }
  }, count);
  return { ...result, kept: kept.length };
}

// A hundred in flight; every tenth is of 400 KB, whose output comes from the recycled pool.
async function jobs({ device, count, leak }) {
  const context = await openContext(device),
    small = smallJob(),
    pooled = largeJob(400 * 1024),
    kept = [];
  const result = await growth(async (steps) => {
    let next = 0;
    const lane = async () => {
      while (next < steps) {
        const { outputs } = await context.run(next++ % 10 === 9 ? pooled : small);
        if (leak && outputs.output.data.length === 1024) kept.push(outputs.output.data);
      }
    };
    await Promise.all(Array.from({ length: 100 }, lane));
  }, count);
  await context.close();
  return { ...result, kept: kept.length };
}

module.exports = { cycles, jobs, growth };
