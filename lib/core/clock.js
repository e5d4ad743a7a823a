// The clock that every process of a machine shares.
'use strict';
const { performance } = require('node:perf_hooks');

// performance.now() counts from the start of this process, on the same clock.
const kOffset = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** @returns {number} milliseconds of CLOCK_MONOTONIC: the same in every process, never set back */
function nowMs() {
  return performance.now() + kOffset;
}

module.exports = { nowMs };
