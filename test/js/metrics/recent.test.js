// Percentiles of the last ten seconds, beside those of all values kept plainly.
'use strict';
const fc = require('fast-check');
const { Recent } = require('../../../lib/metrics/recent');
const { kDurationBounds, kDurationBuckets, durationBucket } = require('../../../lib/metrics/histogram');
const { metricsAt, stages } = require('../../support/metrics-fixtures');

/** Between which bounds the value lies that a share of `values` does not exceed. */
function boundsOf(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  const i = kDurationBounds.findIndex((bound) => value <= bound);
  return [i > 0 ? kDurationBounds[i - 1] : 0, kDurationBounds[i]];
}

test('are those of what was recorded in about ten seconds, and forget the rest', () => {
  const second = fc.array(fc.double({ min: 0.001, max: 90_000, noNaN: true }), { maxLength: 30 });
  fc.assert(
    fc.property(fc.array(second, { minLength: 1, maxLength: 40 }), (seconds) => {
      const recent = new Recent(0);
      const counts = new Float64Array(kDurationBuckets);
      let got;
      seconds.forEach((values, i) => {
        for (const value of values) ++counts[durationBucket(value)];
        got = recent.sample((i + 1) * 1000, counts.slice());
      });
      const lately = seconds.slice(-11).flat();
      const since = seconds.length > 10 ? seconds.slice(-10).flat() : seconds.flat();
      for (const [name, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ]) {
        if (!since.length && !lately.length) expect(got[name]).toBe(0);
        const fits = [since, lately].some((values) => {
          if (!values.length) return got[name] === 0;
          const [min, max] = boundsOf(values, share);
          return got[name] >= min && got[name] <= max;
        });
        expect([name, got[name], fits]).toEqual([name, got[name], true]);
      }
    }),
    { numRuns: 200 },
  );
});

test('getMetrics() has them, of all processes', () => {
  const { metrics, clock } = metricsAt();
  const look = () => metrics.snapshot({ contexts: [], now: clock.ms }).performance.recent;
  for (let i = 0; i < 100; ++i) metrics.own.completed(0, stages(50), 1);
  clock.ms += 1000;
  expect(look().latency.p50).toBeGreaterThan(30);
  for (let i = 0; i < 20; ++i) {
    clock.ms += 1000;
    metrics.own.completed(0, stages(2), 1);
    look();
  }
  const { latency, queueTime, contextSwitchTime } = look();
  expect(latency.p99).toBeLessThanOrEqual(2);
  expect(queueTime.p50).toBeGreaterThan(1);
  expect(contextSwitchTime).toEqual({ p50: 0, p99: 0 });
  for (let i = 0; i < 20; ++i) {
    clock.ms += 1000;
    look();
  }
  expect(look().latency).toEqual({ p50: 0, p99: 0 });
});
