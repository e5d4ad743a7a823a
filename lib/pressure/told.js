// The event `memory-pressure`.
'use strict';

/** @typedef {import('./tier').TierStatus} TierStatus */

const kMegabyte = 2 ** 20;

/**
 * Those of before had megabytes and per cent, and were of contexts alone.
 * @param {TierStatus} status
 * @param {{ workerId: number, contextId?: string }} whose
 */
function pressureEvent(status, { workerId, contextId }) {
  const { used, limit } = status;
  return {
    ...status,
    ...(contextId !== undefined && { contextId }),
    workerId,
    memoryUsage: used / kMegabyte,
    memoryLimit: (limit ?? 0) / kMegabyte,
    utilization: limit ? (100 * used) / limit : 0,
  };
}

module.exports = { pressureEvent };
