// What advice predicts, beside what the same trace costs once it is followed: on another device, and with results that
// are kept for longer.
'use strict';
const { tensorOf, withManager, randomFrom } = require('../start');

/**
 * Runs jobs one after the other and says what they cost.
 * @param {import('../../..').GPUClusterManager} manager
 * @param {readonly object[]} jobs
 * @param {object} options
 */
async function costOf(manager, jobs, options) {
  let cost = 0;
  for (const job of jobs) cost += (await manager.executeWorkload(job, options)).cost;
  return cost;
}

/** @param {number} from @param {number} count */
const products = (from, count) =>
  Array.from({ length: count }, (_, i) => {
    const n = 96 + 32 * (i % 4);
    return { type: 'matmul', inputs: { a: tensorOf(from + i, n, n), b: tensorOf(from + i + 1, n, n) } };
  });

/** @param {number[]} costs */
function said(...costs) {
  const [paid, predicted, replayed] = costs.map((cost) => cost.toPrecision(3));
  return `paid ${paid}, predicted ${predicted}, replayed ${replayed}`;
}

/** @param {{ quick?: boolean }} options */
async function measureDevice({ quick }) {
  const count = quick ? 40 : 200;
  const options = { contextTypes: ['vulkan', 'cpu'], contextsPerWorker: 2, prices: { vulkan: 3600, cpu: 360 } };
  return withManager(options, async (manager) => {
    const name = 'advice to use another device, beside the trace replayed there';
    const base = { name, unit: '%', target: 'within 20%' };
    if (!manager.contexts().some(({ contextType }) => contextType === 'vulkan'))
      return { ...base, value: null, detail: 'there is no Vulkan device' };
    // What is made at first use is no work of the jobs.
    for (const contextType of ['vulkan', 'cpu']) await costOf(manager, products(9000, 8), { contextType });
    const trace = products(1, count);
    await costOf(manager, products(5000, count / 5), { contextType: 'cpu' });
    const paid = await costOf(manager, trace, { contextType: 'vulkan' });
    const advice = (await manager.costs()).advice.find(({ kind }) => kind === 'device');
    if (!advice) return { ...base, value: null, detail: `no advice was given; ${paid} were paid` };
    const predicted = (advice.predicted * paid) / advice.cost; // of the trace alone
    const replayed = await costOf(manager, trace, { contextType: 'cpu' });
    const off = 100 * Math.abs(predicted / replayed - 1);
    return {
      ...base,
      value: off,
      met: off <= 20,
      detail: `${said(paid, predicted, replayed)}: ${advice.what}`,
    };
  });
}

/** @param {{ quick?: boolean }} options */
async function measureCache({ quick }) {
  const count = quick ? 200 : 1000;
  const random = randomFrom(5);
  const jobs = products(1, 40);
  const trace = Array.from({ length: count }, () => jobs[Math.floor(random() ** 2 * jobs.length)]);
  const run = (resultMemory) =>
    withManager({ prices: { cpu: 3600 }, resultMemory }, async (manager) => {
      await costOf(manager, products(9000, 8), {});
      const before = (await manager.costs()).day.cost;
      const cost = await costOf(manager, trace, { cache: true });
      const { advice } = await manager.costs();
      return { cost, before, advice: advice.find(({ kind }) => kind === 'cache') };
    });
  const { cost, before, advice } = await run(2 ** 20);
  const base = {
    name: 'advice to keep results for longer, beside the trace replayed so',
    unit: '%',
    target: 'within 20%',
  };
  if (!advice) return { ...base, value: null, detail: `no advice was given; ${cost} were paid` };
  const replayed = (await run(64 * 2 ** 20)).cost;
  const predicted = advice.predicted - before;
  const off = 100 * Math.abs(predicted / replayed - 1);
  return {
    ...base,
    value: off,
    met: off <= 20,
    detail: `${said(cost, predicted, replayed)}: ${advice.what}`,
  };
}

/** @param {{ quick?: boolean }} options */
async function measure(options) {
  return [await measureDevice(options), await measureCache(options)];
}

module.exports = { measure };
