// How long the last calls of a service took.
'use strict';

const kLast = 1024;

class Latencies {
  #last = new Float64Array(kLast);
  #count = 0;

  /** @param {number} ms */
  add(ms) {
    this.#last[this.#count++ % kLast] = ms;
  }

  /** Of the last 1,024; zeros before the first. @returns {import('../../index').Percentiles} */
  percentiles() {
    const sorted = this.#last.slice(0, Math.min(this.#count, kLast)).sort();
    const at = (/** @type {number} */ share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
    return { p50: at(0.5), p99: at(0.99) };
  }
}

module.exports = { Latencies };
