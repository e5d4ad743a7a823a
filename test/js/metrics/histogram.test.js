// Histograms: their buckets, bounds and quantiles, against the plain way to find them.
'use strict';
const fc = require('fast-check');
const { MetricsBlock, layout, kMetricsSize, kCodes } = require('../../../lib/metrics/metrics');
const histogram = require('../../../lib/metrics/histogram');
const status = require('../../../lib/metrics/status-page');
const { plainBucket } = require('../../support/metrics-fixtures');

const { kDurationBounds, kDurationBuckets, kSizeBounds } = histogram;

describe('histograms', () => {
  test('the block fits the status page', () => {
    expect(kMetricsSize).toBeLessThanOrEqual(status.inPage.numbers - status.inPage.metrics);
    expect(status.contextAt(status.kMaxContexts)).toBeLessThanOrEqual(status.inPage.loopBeat);
    const places = Object.values(layout);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(layout.kRetried - layout.kFailed).toBe(kCodes.length);
  });

  test('bounds go from 1 us to 100 s and are exact decimals', () => {
    expect(kDurationBounds[0]).toBe(0.001);
    expect(kDurationBounds[kDurationBounds.length - 1]).toBe(100000);
    for (let i = 1; i < kDurationBounds.length; ++i) {
      expect(kDurationBounds[i] / kDurationBounds[i - 1]).toBeGreaterThan(1.1);
      expect(kDurationBounds[i] / kDurationBounds[i - 1]).toBeLessThan(1.35);
      expect(String(kDurationBounds[i]).length).toBeLessThan(8);
    }
    expect(histogram.kShownDurations.map(({ bound }) => bound)).toEqual([
      0.000001, 0.000002, 0.000005, 0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
      0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100,
    ]);
  });

  test('a bucket ends with its bound, for every bound and its neighbours', () => {
    for (const bound of kDurationBounds)
      for (const value of [bound, bound * (1 + 2 ** -52), bound * (1 - 2 ** -53)])
        expect(histogram.durationBucket(value)).toBe(plainBucket(kDurationBounds, value));
    for (const value of [0, -1, NaN, 1e-300]) expect(histogram.durationBucket(value)).toBe(0);
    for (const value of [1e6, 1e300, Infinity]) expect(histogram.durationBucket(value)).toBe(kDurationBuckets - 1);
    for (let size = 1; size <= 200; ++size) expect(histogram.sizeBucket(size)).toBe(plainBucket(kSizeBounds, size));
  });

  test('any duration is in the bucket that a plain search finds', () => {
    const anywhere = fc.oneof(
      fc.double({ min: 0, max: 2e5, noNaN: true }),
      fc.double({ min: -9, max: 6, noNaN: true }).map((e) => 10 ** e),
    );
    fc.assert(
      fc.property(anywhere, (ms) => histogram.durationBucket(ms) === plainBucket(kDurationBounds, ms)),
      { numRuns: 5000 },
    );
  });

  test('quantiles are near the true ones', () => {
    const block = new MetricsBlock();
    const values = Array.from({ length: 20001 }, (_, i) => 0.05 * 1.0005 ** i);
    for (const ms of values) block.completed(0, { total: ms }, 1);
    for (const share of [0.01, 0.1, 0.5, 0.9, 0.99]) {
      const truth = values[Math.floor(share * 20000)];
      expect(histogram.quantile(block.view, layout.kRequest, share) / truth).toBeCloseTo(1, 1);
    }
  });

  test('quantiles of nothing, of one value, and of values above every bound', () => {
    const block = new MetricsBlock();
    expect(histogram.quantile(block.view, layout.kRequest, 0.5)).toBe(0);
    block.completed(0, { total: 3 }, 1);
    const one = histogram.quantile(block.view, layout.kRequest, 0.5);
    expect(one).toBeGreaterThan(2.5);
    expect(one).toBeLessThanOrEqual(3);
    expect(histogram.quantile(block.view, layout.kRequest, 1)).toBe(3);
    for (let i = 0; i < 9; ++i) block.completed(0, { total: 1e7 }, 1);
    expect(histogram.quantile(block.view, layout.kRequest, 0.99)).toBe(100000);
  });
});
