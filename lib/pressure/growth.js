// When a tier will be full, from how it has grown lately: the median of the slopes between all pairs of samples (H.
// Theil, "A rank-invariant method of linear and polynomial regression analysis", 1950; P. K. Sen, "Estimates of the
// regression coefficient based on Kendall's tau", 1968). Up to 29% of the samples may be anything, a job's scratch
// memory say, before it is led astray; a sum of squares is by one.
'use strict';

const kEveryMs = 5000; // between two samples
const kMost = 60; // samples: five minutes
const kLeast = 6; // of which something can be told
const kLately = 12; // a minute: what has stopped growing has stopped there
const kStopped = 0.1; // of the slope over all samples

/**
 * @param {readonly { ms: number, bytes: number }[]} samples
 * @returns {number} bytes a millisecond
 */
function medianSlope(samples) {
  const slopes = [];
  for (let i = 0; i < samples.length; ++i)
    for (let j = i + 1; j < samples.length; ++j)
      slopes.push((samples[j].bytes - samples[i].bytes) / (samples[j].ms - samples[i].ms));
  slopes.sort((a, b) => a - b);
  const middle = slopes.length >> 1;
  return slopes.length % 2 ? slopes[middle] : (slopes[middle - 1] + slopes[middle]) / 2;
}

class Growth {
  /** @type {{ ms: number, bytes: number }[]} */
  #samples = [];
  /** @type {number|undefined} bytes a millisecond; undefined: it does not grow, or not enough is known */
  #slope;

  /**
   * @param {number} ms when, of a clock that does not jump
   * @param {number} bytes in use
   */
  add(ms, bytes) {
    const last = this.#samples.at(-1);
    if (last && ms - last.ms < kEveryMs) return;
    // After a pause (the process was stopped) what was before it says nothing.
    if (last && ms - last.ms > kMost * kEveryMs) this.#samples = [];
    this.#samples.push({ ms, bytes });
    if (this.#samples.length > kMost) this.#samples.shift();
    this.#slope = this.#measure();
  }

  #measure() {
    if (this.#samples.length < kLeast) return undefined;
    const all = medianSlope(this.#samples);
    const lately = medianSlope(this.#samples.slice(-kLately));
    if (!(all > 0) || lately <= all * kStopped) return undefined;
    return Math.min(all, lately);
  }

  /**
   * @param {number} used bytes
   * @param {number} limit
   * @returns {number|undefined} ms until it is full, if it goes on as it did; undefined: it won't be
   */
  msUntil(used, limit) {
    if (this.#slope === undefined || !(limit < Infinity)) return undefined;
    return Math.max(0, (limit - used) / this.#slope);
  }
}

module.exports = { Growth, medianSlope, kEveryMs };
