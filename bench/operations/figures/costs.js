// What is counted of device seconds, beside what a trace of the launches shows: jobs alone and joined ones, on a
// cluster of two workers.
'use strict';
const { randomFrom, tensorOf, withManager } = require('../start');

/**
 * Seconds of launches, each once however many jobs it had.
 * @param {readonly import('../../..').GPUResult[]} results
 */
function tracedSeconds(results) {
  /** @type {Map<string, { seconds: number, jobs: number, batch: number }>} */
  const launches = new Map();
  for (const {
    contextId,
    batchSize,
    timings: { upload, compute, readback },
  } of results) {
    const key = [contextId, batchSize, upload, compute, readback].join();
    const launch = launches.get(key) ?? { seconds: (upload + compute + readback) / 1000, jobs: 0, batch: batchSize };
    ++launch.jobs;
    launches.set(key, launch);
  }
  let seconds = 0,
    wrong = 0;
  for (const launch of launches.values()) {
    seconds += launch.seconds;
    if (launch.jobs !== launch.batch) ++wrong;
  }
  return { seconds, launches: launches.size, wrong };
}

/** @param {{ quick?: boolean }} options */
async function measure({ quick }) {
  const count = quick ? 300 : 3000;
  return withManager({ workers: 2, prices: { cpu: 3600 } }, async (manager) => {
    const random = randomFrom(3);
    const jobs = Array.from({ length: count }, (_, i) => {
      const rows = 1 + Math.floor(16 * random());
      if (i % 50 === 0) return { type: 'matmul', inputs: { a: tensorOf(i, 128, 128), b: tensorOf(i + 1, 128, 128) } };
      return { type: i % 3 ? 'normalize' : 'softmax', inputs: { input: tensorOf(i, rows, 64) } };
    });
    const results = await Promise.all(
      jobs.map((job, i) => manager.executeWorkload(job, { account: { caller: `c${i % 5}` } })),
    );
    const before = await manager.costs();
    const { seconds, launches, wrong } = tracedSeconds(results);
    const off = 100 * Math.abs(before.day.seconds / seconds - 1);
    const byCaller = Object.values(before.byCaller).reduce((sum, { cost }) => sum + cost, 0);
    return [
      {
        name: 'device seconds counted, beside those of a trace',
        value: off,
        unit: '%',
        target: 'within 2%',
        met: off <= 2,
        detail:
          `${before.day.seconds.toFixed(4)} s counted, ${seconds.toFixed(4)} s traced, ${count} jobs in ${launches} ` +
          `launches (${wrong} of which jobs are missing); callers together ` +
          `${(byCaller / before.day.cost).toFixed(6)} of all`,
      },
    ];
  });
}

module.exports = { measure };
