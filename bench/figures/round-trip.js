// Round trips of a 1K-element addition: awaited one by one, and with 100 in flight.
'use strict';
const { timeEach, throughput, median } = require('../stats');
const { openContext, smallJob } = require('./load');

// Best of the rounds' medians, in microseconds.
async function oneByOne({ device, rounds, roundMs }) {
  const context = await openContext(device),
    job = smallJob(),
    run = () => context.run(job);
  await timeEach(run, { budgetMs: roundMs, most: 1e6 });
  const medians = [];
  let runs = 0;
  for (let i = 0; i < rounds; i++) {
    const samples = await timeEach(run, { budgetMs: roundMs, most: 1e6 });
    medians.push(median(samples) * 1000);
    runs += samples.length;
  }
  await context.close();
  return { us: Math.min(...medians), medians, runs };
}

// Best of the rounds, jobs a second.
async function inFlight({ device, rounds, roundMs }) {
  const context = await openContext(device),
    job = smallJob(),
    run = () => context.run(job);
  await throughput(run, { width: 100, budgetMs: roundMs });
  const rates = [];
  for (let i = 0; i < rounds; i++) rates.push(await throughput(run, { width: 100, budgetMs: roundMs }));
  await context.close();
  return { perSecond: Math.max(...rates), rates };
}

module.exports = { oneByOne, inFlight };
