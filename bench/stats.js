// Small statistics and clocks shared by every measurement.
'use strict';

const now = () => performance.now();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const sorted = (values) => Float64Array.from(values).sort();

function percentile(values, p) {
  if (values.length === 0) return NaN;
  const order = sorted(values);
  return order[Math.min(order.length - 1, Math.max(0, Math.ceil((p / 100) * order.length) - 1))];
}

function median(values) {
  if (values.length === 0) return NaN;
  const order = sorted(values),
    half = order.length >> 1;
  return order.length % 2 ? order[half] : (order[half - 1] + order[half]) / 2;
}

// `significant` digits, without an exponent.
const round = (value, significant = 4) => (Number.isFinite(value) ? Number(value.toPrecision(significant)) : value);

// Times of single runs in ms, one after the other, for `budgetMs` and at least `least` runs.
async function timeEach(run, { budgetMs, least = 3, most = 50_000 }) {
  const samples = [],
    start = now();
  do {
    const from = now(),
      pending = run();
    if (pending && typeof pending.then === 'function') await pending;
    samples.push(now() - from);
  } while ((now() - start < budgetMs || samples.length < least) && samples.length < most);
  return samples;
}

// Jobs a second with `width` of them always in flight, over `budgetMs`. All that were started are counted and waited
// for.
async function throughput(run, { width, budgetMs }) {
  const start = now(),
    end = start + budgetMs;
  let finished = 0;
  const lane = async () => {
    while (now() < end) {
      await run();
      finished += 1;
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return (finished * 1000) / (now() - start);
}

module.exports = { now, sleep, percentile, median, round, timeEach, throughput };
