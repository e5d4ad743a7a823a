// What alerts on errors and latency go by: jobs of the last minute, and rest, which clears them; but no jobs that wait.
'use strict';
const { lastMinute } = require('../../../lib/metrics');
const { Alerts } = require('../../../lib/operations');
const { sizes } = require('../../../lib/metrics/layout');
const { durationBucket, kDurationBounds } = require('../../../lib/metrics/histogram');

/** Counters of so many jobs that took `ms`, and of so many that failed. */
function grownBy(completed, failed, ms) {
  const grown = new Float64Array(2 + sizes.kRequest);
  grown.set([completed, failed]);
  grown[2 + durationBucket(ms)] += completed;
  return grown;
}

test('it is of the jobs that ended', () => {
  const { errorRate, latency } = lastMinute(grownBy(30, 10, 80), 5);
  expect(errorRate).toBe(0.25);
  const bucket = durationBucket(80);
  expect(latency).toBeGreaterThan(kDurationBounds[bucket - 1]);
  expect(latency).toBeLessThanOrEqual(kDurationBounds[bucket]);
  expect(lastMinute(grownBy(0, 3, 80), 0)).toEqual({ errorRate: 1, latency: 0 });
});

test('nothing tells it while jobs wait and none ends; at rest it is 0', () => {
  expect(lastMinute(grownBy(0, 0, 80), 5)).toEqual({ errorRate: NaN, latency: NaN });
  expect(lastMinute(grownBy(0, 0, 80), 0)).toEqual({ errorRate: 0, latency: 0 });
});

test('an alert stays while jobs hang, and is cleared at rest', () => {
  const told = [];
  const rule = { name: 'slow', metric: 'latency', above: 50, below: 45, for: 0 };
  const alerts = new Alerts([rule], 0, ({ state }) => told.push(state));
  let now = 0;
  const look = (grown, queueAge) => alerts.look(lastMinute(grown, queueAge), (now += 1000), now);
  look(grownBy(30, 0, 80), 0);
  look(grownBy(0, 0, 80), 60_000);
  expect(told).toEqual(['firing']);
  look(grownBy(0, 0, 80), 0);
  expect(told).toEqual(['firing', 'ok']);
});
