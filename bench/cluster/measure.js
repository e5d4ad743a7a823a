// What every way of sending a job is measured with. A run resolves to the ms of compute inside it.
'use strict';
const { now, percentile, median, throughput } = require('../stats');

const us = (ms) => ms * 1000;

// One after the other.
async function each(run, { budgetMs, least = 3, most = 50_000 }) {
  const totals = [],
    beyond = [],
    start = now();
  do {
    const from = now(),
      compute = await run(),
      total = now() - from;
    totals.push(total);
    beyond.push(total - compute);
  } while ((now() - start < budgetMs || totals.length < least) && totals.length < most);
  return { p50: us(median(totals)), p99: us(percentile(totals, 99)), beyond: us(median(beyond)), runs: totals.length };
}

// Always `width` in flight.
async function many(run, { width, budgetMs }) {
  let runs = 0;
  const perSecond = await throughput(
    async () => {
      await run();
      ++runs;
    },
    { width, budgetMs },
  );
  return { perSecond, runs };
}

async function warm(run, { warmMs = 300 }) {
  const from = now();
  await run();
  if (now() - from < warmMs) await each(run, { budgetMs: warmMs, least: 2 });
}

module.exports = { each, many, warm };
