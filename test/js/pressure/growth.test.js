// When a tier will be full: growth that is plain, noisy, stopped and falling.
'use strict';
const { Growth, medianSlope, kEveryMs } = require('../../../lib/pressure/growth');

/**
 * @param {number} count
 * @param {(i: number) => number} bytesAt
 */
function grown(count, bytesAt) {
  const growth = new Growth();
  for (let i = 0; i < count; ++i) growth.add(i * kEveryMs, bytesAt(i));
  return growth;
}

test('the slope is the median of all pairs', () => {
  const samples = [0, 10, 20, 1000, 40].map((bytes, i) => ({ ms: i, bytes }));
  expect(medianSlope(samples)).toBe(10); // ten slopes, six of which are 10
  const all = samples.flatMap((a, i) => samples.slice(i + 1).map((b) => (b.bytes - a.bytes) / (b.ms - a.ms)));
  expect(all.filter((slope) => slope === 10)).toHaveLength(6);
});

test('steady growth is full when it gets there', () => {
  const growth = grown(20, (i) => 1000 + 500 * i);
  // 100 bytes a second, 100,000 to go
  expect(growth.msUntil(10_000, 110_000)).toBeCloseTo(1_000_000, 6);
  expect(growth.msUntil(120_000, 110_000)).toBe(0);
  expect(growth.msUntil(1, Infinity)).toBeUndefined();
});

test('a quarter of wild samples does not lead it astray', () => {
  const growth = grown(60, (i) => 1000 + 500 * i + (i % 4 === 1 ? 5e7 : 0));
  const ms = /** @type {number} */ (growth.msUntil(0, 100_000));
  expect(ms).toBeGreaterThan(700_000);
  expect(ms).toBeLessThan(1_400_000);
});

test('a growth that has stopped gives none, though the window still rises', () => {
  const growth = grown(60, (i) => 500 * Math.min(i, 45));
  expect(growth.msUntil(22_500, 100_000)).toBeUndefined();
  expect(grown(46, (i) => 500 * i).msUntil(22_500, 100_000)).toBeDefined();
});

test('nothing is said of what is even, falls, or is hardly known', () => {
  expect(grown(60, () => 5000).msUntil(5000, 6000)).toBeUndefined();
  expect(grown(60, (i) => 1e6 - 500 * i).msUntil(5000, 6000)).toBeUndefined();
  expect(grown(5, (i) => 500 * i).msUntil(2000, 6000)).toBeUndefined();
  expect(grown(6, (i) => 500 * i).msUntil(2000, 6000)).toBeDefined();
});

test('it forgets what is older than its window, and what was before a pause', () => {
  const growth = grown(200, (i) => (i < 130 ? 1e6 * i : 130e6 + 500 * (i - 130)));
  expect(growth.msUntil(0, 100_000)).toBeCloseTo(1_000_000, 6);
  growth.add(200 * kEveryMs + 3_600_000, 0);
  expect(growth.msUntil(0, 100_000)).toBeUndefined();
});
