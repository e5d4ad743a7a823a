// Twice as much as the cluster can do, of three priorities: what still ends in time, and how long the most urgent wait.
'use strict';
const { percentile, sleep } = require('../../stats');
const { randomFrom, tensorOf, withManager } = require('../start');

const kDeadlineMs = 2000;
// A step of priority is worth 50 ms of waiting: these are further apart than the queue gets old.
const kUrgent = 100;
const kShares = [
  [0, 0.5],
  [50, 0.3],
  [kUrgent, 0.2],
];

/**
 * A product of tensors that every process has: the process that asks is not to be what is overloaded.
 * @param {import('../../..').GPUClusterManager} manager
 */
function jobOn(manager) {
  const [a, b] = [
    [64, 1024],
    [1024, 1024],
  ].map(([rows, columns], i) => {
    const shared = manager.sharedTensor([rows, columns]);
    shared.data.set(tensorOf(i, rows, columns).data);
    return shared.seal();
  });
  return { type: 'matmul', inputs: { a, b } };
}

/**
 * Jobs a second with so many always under way.
 * @param {import('../../..').GPUClusterManager} manager
 * @param {object} job
 * @param {number} ms
 */
async function peakOf(manager, job, ms) {
  const end = performance.now() + ms;
  let done = 0;
  const lane = async () => {
    while (performance.now() < end) {
      await manager.executeWorkload(job);
      ++done;
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
  return done / (ms / 1000);
}

/**
 * Jobs that come at a rate, whether others have ended or not.
 * @param {import('../../..').GPUClusterManager} manager
 * @param {object} what
 * @param {object} what.job
 * @param {number} what.rate a second
 * @param {number} what.ms
 * @param {() => number} what.priority of the next one
 */
async function offer(manager, { job, rate, ms, priority }) {
  const began = performance.now();
  /** @type {Map<number, { times: number[], asked: number, refused: number, late: number }>} */
  const all = new Map();
  const running = [];
  for (let next = 0; ;) {
    const due = ((performance.now() - began) / 1000) * rate;
    if (performance.now() - began > ms) break;
    for (; next < due; ++next) {
      const level = priority();
      const counts = all.get(level) ?? { times: [], asked: 0, refused: 0, late: 0 };
      all.set(level, counts);
      ++counts.asked;
      const at = performance.now();
      running.push(
        manager.executeWorkload(job, { priority: level, timeout: kDeadlineMs }).then(
          () => counts.times.push(performance.now() - at),
          ({ code }) => (code === 'ERR_TIMEOUT' ? ++counts.late : ++counts.refused),
        ),
      );
    }
    await sleep(1);
  }
  const seconds = (performance.now() - began) / 1000;
  await Promise.all(running);
  return { all, seconds };
}

/** @param {{ quick?: boolean }} options */
async function measure({ quick }) {
  const ms = quick ? 3000 : 15_000;
  return withManager({ workers: 1, overloadAge: 100 }, async (manager) => {
    const job = jobOn(manager);
    await peakOf(manager, job, 500);
    const peak = await peakOf(manager, job, quick ? 1000 : 4000);
    const stages = new Set();
    manager.on('degradation', ({ stage }) => stages.add(stage));
    const quiet = await offer(manager, { job, rate: 0.2 * peak, ms: ms / 2, priority: () => kUrgent });
    const random = randomFrom(17);
    const priority = () => {
      let at = random();
      return kShares.find(([, share]) => (at -= share) < 0)?.[0] ?? kUrgent;
    };
    const { all, seconds } = await offer(manager, { job, rate: 2 * peak, ms, priority });
    const done = [...all.values()].reduce((sum, { times }) => sum + times.length, 0);
    const goodput = (100 * done) / seconds / peak;
    const [before, under] = [quiet.all, all].map((of) => percentile(of.get(kUrgent)?.times ?? [], 99));
    const detail = [...all]
      .sort(([a], [b]) => b - a)
      .map(
        ([level, { asked, times, refused, late }]) =>
          `${level}: ${times.length}/${asked}, ${refused} refused, ${late} late`,
      )
      .join('; ');
    return [
      {
        name: 'goodput at twice the peak',
        value: goodput,
        unit: '% of the peak',
        target: '90% and more',
        met: goodput >= 90,
        detail: `peak ${peak.toFixed(0)} jobs/s; ${detail}; stages ${[...stages].join(', ')}`,
      },
      {
        name: "the highest priority's p99 under overload, beside the quiet one",
        value: under / before,
        unit: 'times',
        target: 'at most 2x',
        met: under <= 2 * before,
        detail: `${before.toFixed(2)} ms quiet, ${under.toFixed(2)} ms under overload`,
      },
    ];
  });
}

module.exports = { measure };
