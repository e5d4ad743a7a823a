// What the last minute was like, out of counters that only grow: read now and then, and compared with what they were.
'use strict';

const kWindowMs = 60_000;
const kSampleMs = 900; // samples closer than this tell nothing new

class WindowedRates {
  /** @type {{ at: number, counts: Float64Array }[]} the oldest first */
  #samples = [];

  /**
   * @param {number} now ms
   * @param {Float64Array} counts which the caller lets go of
   * @returns {Float64Array} by how much each has grown in the last minute, or since the first look
   */
  grown(now, counts) {
    const samples = this.#samples;
    if (!samples.length || now - samples[samples.length - 1].at >= kSampleMs) samples.push({ at: now, counts });
    while (samples.length > 1 && now - samples[1].at >= kWindowMs) samples.shift();
    const before = samples[0].counts;
    return counts.map((count, i) => Math.max(0, count - before[i]));
  }
}

module.exports = { WindowedRates };
