// Histograms with fixed buckets inside a Float64Array: which bucket a value belongs to, recording one, estimating
// quantiles.
'use strict';

// Durations in milliseconds, from 1 us to 100 s: ten bounds a decade, so that an estimated quantile is within a few per
// cent. A bucket's bound is its largest value. The sum of all values comes after the buckets; how many there were is
// the sum of the buckets.
const kSteps = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8];
const kFirstDecade = -3,
  kDecades = 8;
const kDurationBounds = Float64Array.from({ length: kSteps.length * kDecades + 1 }, (_, i) => decimal(i, 0));
const kDurationBuckets = kDurationBounds.length + 1; // the last: above every bound
const kDurationSum = kDurationBuckets;
const kDurationSize = kDurationBuckets + 1;

// Sizes of batches: 1, 2, 3..4, 5..8 and so on.
const kSizeBounds = Float64Array.of(1, 2, 4, 8, 16, 32, 64);
const kSizeBuckets = kSizeBounds.length + 1;
const kSizeSum = kSizeBuckets;
const kSizeSize = kSizeBuckets + 1;

/**
 * A bound of kDurationBounds times a power of ten, as exact as a number can be.
 * @param {number} i
 * @param {number} exponent
 */
function decimal(i, exponent) {
  return Number(`${kSteps[i % kSteps.length]}e${kFirstDecade + Math.floor(i / kSteps.length) + exponent}`);
}

// A number's upper half without its lower 18 bits grows with the number, in four steps for each power of two: for each
// step the first bucket that a number of it may belong to, so that a search ends after a comparison or two.
const number = new Float64Array(1);
const halves = new Int32Array(number.buffer);
const kUpper = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;
const kStepBits = 18;
const kFirstStep = stepOf(kDurationBounds[0]);
const kFirstBucket = firstBuckets();
const kMinMs = kDurationBounds[0],
  kMax = kDurationBounds[kDurationBounds.length - 1];

/** @param {number} value */
function stepOf(value) {
  number[0] = value;
  return halves[kUpper] >> kStepBits;
}

function firstBuckets() {
  const table = new Uint8Array(stepOf(kDurationBounds[kDurationBounds.length - 1]) - kFirstStep + 1);
  for (let step = 0; step < table.length; ++step) {
    halves[kUpper] = (kFirstStep + step) << kStepBits;
    halves[1 - kUpper] = 0;
    const min = number[0];
    table[step] = kDurationBounds.findIndex((bound) => min <= bound);
  }
  return table;
}

/**
 * @param {number} ms
 * @returns {number} the bucket it belongs to
 */
function durationBucket(ms) {
  if (!(ms > kMinMs)) return 0;
  if (ms > kMax) return kDurationBuckets - 1;
  number[0] = ms;
  let bucket = kFirstBucket[(halves[kUpper] >> kStepBits) - kFirstStep];
  while (ms > kDurationBounds[bucket]) ++bucket;
  return bucket;
}

/**
 * @param {number} size
 * @returns {number} the bucket it belongs to
 */
function sizeBucket(size) {
  return size > kSizeBounds[kSizeBounds.length - 1] ? kSizeBuckets - 1 : 32 - Math.clz32(size - 1);
}

/**
 * Counts a duration; anything but a finite number is a stage that there was not. Below 0 is 0: the clocks of two
 * processes may be a microsecond apart.
 * @param {Float64Array} view
 * @param {number} at where the histogram begins
 * @param {number|undefined} ms
 */
function recordDuration(view, at, ms) {
  if (!(/** @type {number} */ (ms) < Infinity)) return;
  const duration = /** @type {number} */ (ms) > 0 ? /** @type {number} */ (ms) : 0;
  view[at + durationBucket(duration)] += 1;
  view[at + kDurationSum] += duration;
}

/**
 * @param {Float64Array} view
 * @param {number} at
 * @param {number} size a whole number above 0
 */
function recordSize(view, at, size) {
  view[at + sizeBucket(size)] += 1;
  view[at + kSizeSum] += size;
}

/**
 * How many values a histogram has.
 * @param {Float64Array} view
 * @param {number} at
 * @param {number} buckets
 */
function countOf(view, at, buckets) {
  let count = 0;
  for (let i = 0; i < buckets; ++i) count += view[at + i];
  return count;
}

/**
 * An estimate of the value that a share of all values does not exceed: 0 when there are none, at most the largest
 * bound.
 * @param {Float64Array} view
 * @param {number} at
 * @param {number} share 0..1
 * @param {Float64Array} [bounds]
 */
function quantile(view, at, share, bounds = kDurationBounds) {
  const rank = share * countOf(view, at, bounds.length + 1);
  let below = 0;
  for (let i = 0; i < bounds.length; ++i) {
    const here = view[at + i];
    if (here > 0 && below + here >= rank) {
      const min = i > 0 ? bounds[i - 1] : 0;
      return min + ((bounds[i] - min) * Math.max(0, rank - below)) / here;
    }
    below += here;
  }
  return below < rank ? bounds[bounds.length - 1] : 0;
}

// What Prometheus is shown of the buckets: the bounds at 1, 2 and 5 of each decade, in seconds, with the last bucket
// below each.
const kShownDurations = Array.from(kDurationBounds.keys())
  .filter((i) => [1, 2, 5].includes(kSteps[i % kSteps.length]))
  .map((i) => ({ bucket: i, bound: decimal(i, -3) }));
const kShownSizes = Array.from(kSizeBounds, (bound, bucket) => ({ bucket, bound }));

module.exports = {
  kDurationBounds,
  kDurationBuckets,
  kDurationSum,
  kDurationSize,
  kSizeBounds,
  kSizeBuckets,
  kSizeSum,
  kSizeSize,
  kShownDurations,
  kShownSizes,
  durationBucket,
  sizeBucket,
  recordDuration,
  recordSize,
  countOf,
  quantile,
};
