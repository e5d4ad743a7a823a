// complexity() beside what jobs take of a device, over workloads and shapes that nothing was fitted to.
'use strict';
const { median } = require('../../stats');
const { randomFrom, tensorOf, withManager } = require('../start');

/** @param {() => number} random @param {number} low @param {number} high */
const between = (random, low, high) => Math.round(low * (high / low) ** random());

/** @type {Record<string, (random: () => number, seed: number) => object>} */
const kJobs = {
  matmul(random, seed) {
    const [m, k, n] = [0, 1, 2].map(() => between(random, 8, 768));
    return { inputs: { a: tensorOf(seed, m, k), b: tensorOf(seed + 1, k, n) } };
  },
  normalize: (random, seed) => ({
    inputs: { input: tensorOf(seed, between(random, 1, 4000), between(random, 16, 1024)) },
  }),
  softmax: (random, seed) => ({
    inputs: { input: tensorOf(seed, between(random, 1, 2000), between(random, 16, 1024)) },
  }),
  add(random, seed) {
    const [n, d] = [between(random, 1, 4000), between(random, 16, 1024)];
    return { inputs: { a: tensorOf(seed, n, d), b: tensorOf(seed + 1, n, d) } };
  },
  'top-k': (random, seed) => ({
    inputs: { input: tensorOf(seed, between(random, 1, 200), between(random, 64, 8000)) },
    params: { k: 10 },
  }),
  'similarity-search': (random, seed) => ({
    inputs: {
      queries: tensorOf(seed, between(random, 1, 32), 128),
      base: tensorOf(seed + 1, between(random, 64, 20_000), 128),
    },
    params: { k: 10 },
  }),
  'layer-norm': (random, seed) => ({
    inputs: { input: tensorOf(seed, between(random, 1, 2000), between(random, 16, 1024)) },
  }),
};

/** Places by size, of equal ones their mean. @param {readonly number[]} values */
function ranks(values) {
  const order = values.map((value, i) => [value, i]).sort(([a], [b]) => a - b);
  const places = new Array(values.length);
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to < order.length && order[to][0] === order[from][0]) ++to;
    for (let i = from; i < to; ++i) places[order[i][1]] = (from + to - 1) / 2;
    from = to;
  }
  return places;
}

/** Spearman's. @param {readonly number[]} a @param {readonly number[]} b */
function rankCorrelation(a, b) {
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (x.length - 1) / 2;
  let xy = 0,
    xx = 0,
    yy = 0;
  for (let i = 0; i < x.length; ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) ** 2;
    yy += (y[i] - mean) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}

/** @param {{ quick?: boolean }} options */
async function measure({ quick }) {
  const shapes = quick ? 4 : 20;
  const repeats = quick ? 3 : 7;
  return withManager({}, async (manager) => {
    // Estimates are compared with what others of each workload take, as they are in a process that has run a while.
    const before = randomFrom(7);
    for (let i = 0; i < 12; ++i)
      for (const [type, make] of Object.entries(kJobs))
        await manager.executeWorkload({ type, ...make(before, 50 * i) });
    const random = randomFrom(11);
    const predicted = [],
      measured = [];
    for (let i = 0; i < shapes; ++i)
      for (const [type, make] of Object.entries(kJobs)) {
        const job = { type, ...make(random, 100 * i) };
        predicted.push(manager.complexity(job)); // before it runs
        const times = [];
        for (let j = 0; j < repeats; ++j) {
          const { timings } = await manager.executeWorkload(job);
          times.push(timings.upload + timings.compute + timings.readback);
        }
        measured.push(median(times));
      }
    const value = rankCorrelation(predicted, measured);
    return [
      {
        name: 'complexity beside measured device time: rank correlation',
        value,
        unit: '',
        target: '0.9 and more',
        met: value >= 0.9,
        detail: `${predicted.length} jobs of ${Object.keys(kJobs).length} workloads, shapes drawn anew`,
      },
    ];
  });
}

module.exports = { measure, rankCorrelation };
