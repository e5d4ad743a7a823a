// A rate over the last ten seconds, from a count read now and then.
'use strict';

const kRateMs = 10000; // how far back the rate looks
const kSampleMs = 900; // samples closer than this tell nothing new: timers of a second may be early

class Rate {
  /** @param {number} now ms */
  constructor(now) {
    this.samples = [{ at: now, count: 0 }];
    this.last = 0; // a second
  }

  /**
   * @param {number} now
   * @param {number} count
   */
  sample(now, count) {
    const { samples } = this;
    if (now - samples[samples.length - 1].at >= kSampleMs) samples.push({ at: now, count });
    while (samples.length > 1 && now - samples[1].at >= kRateMs) samples.shift();
    return (this.last = this.perSecond(now, count));
  }

  /**
   * @param {number} now
   * @param {number} count
   */
  perSecond(now, count) {
    const [{ at, count: before }] = this.samples;
    return (count - before) / Math.max(1, (now - at) / 1000); // a burst in the first milliseconds is not a rate yet
  }
}

module.exports = { Rate };
