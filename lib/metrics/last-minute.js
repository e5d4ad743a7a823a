// What the counters say of some time: how many jobs failed, and how long they took.
'use strict';
const { layout, sizes } = require('./layout');
const { quantile } = require('./histogram');

/**
 * The counters that it takes, out of all of a cluster.
 * @param {Float64Array} view
 */
function minuteCounts(view) {
  const failed = view.subarray(layout.kFailed, layout.kFailed + sizes.kFailed).reduce((sum, n) => sum + n, 0);
  const counts = new Float64Array(2 + sizes.kRequest);
  counts.set([view[layout.kCompleted], failed]);
  counts.set(view.subarray(layout.kRequest, layout.kRequest + sizes.kRequest), 2);
  return counts;
}

/**
 * @param {Float64Array} grown by how much each of these has grown
 * @param {number} queueAge ms that the oldest job has waited; 0: none waits
 * @returns {{ errorRate: number, latency: number }} 0 to 1, and ms that 99 of 100 did not exceed. Where no job ended
 *   nothing tells them, NaN; where none waits either nothing is slow or fails, 0: what was raised is cleared at rest
 */
function lastMinute(grown, queueAge) {
  const [completed, failed] = grown;
  const none = queueAge === 0 ? 0 : NaN;
  return {
    errorRate: completed + failed > 0 ? failed / (completed + failed) : none,
    latency: completed > 0 ? quantile(grown, 2, 0.99) : none,
  };
}

module.exports = { minuteCounts, lastMinute };
