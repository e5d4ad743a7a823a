// Percentiles of the last ten seconds, from a histogram of durations that only grows, read now and then.
'use strict';
const { kDurationBuckets, quantile } = require('./histogram');

const kRecentMs = 10_000; // how far back it looks
const kSampleMs = 900; // samples closer than this tell nothing new: timers of a second may be early

class Recent {
  /** @param {number} now ms */
  constructor(now) {
    /** @type {{ at: number, counts: Float64Array }[]} the oldest first */
    this.samples = [{ at: now, counts: new Float64Array(kDurationBuckets) }];
    this.last = { p50: 0, p99: 0 };
  }

  /**
   * @param {number} now
   * @param {Float64Array} counts of the buckets, by now; kept
   * @returns {{ p50: number, p99: number }} in ms; 0 where there was none
   */
  sample(now, counts) {
    const { samples } = this;
    const [{ counts: before }] = samples;
    const since = counts.map((count, i) => Math.max(0, count - before[i]));
    this.last = { p50: quantile(since, 0, 0.5), p99: quantile(since, 0, 0.99) };
    if (now - samples[samples.length - 1].at >= kSampleMs) samples.push({ at: now, counts });
    while (samples.length > 1 && now - samples[1].at >= kRecentMs) samples.shift();
    return this.last;
  }
}

module.exports = { Recent };
