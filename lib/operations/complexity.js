// How much work a job is, from 0 to 100: the logarithm of what it is estimated to take.
'use strict';

const kLeastMs = 1e-4; // of the reference core: 0
const kMostMs = 1e5; // 100

/**
 * @param {number} ms that a job is estimated at
 * @returns {number} 0 to 100, in steps of a tenth
 */
function complexityOf(ms) {
  const share = Math.log(Math.max(ms, kLeastMs) / kLeastMs) / Math.log(kMostMs / kLeastMs);
  return Math.round(1000 * Math.min(1, share)) / 10;
}

module.exports = { complexityOf };
