// The error codes in the order of their counters.
'use strict';

/** @type {import('../core/errors').ErrorCode[]} */
const kCodes = [
  'ERR_INVALID_ARGUMENT',
  'ERR_UNKNOWN_WORKLOAD',
  'ERR_UNSUPPORTED',
  'ERR_OUT_OF_MEMORY',
  'ERR_DEVICE_LOST',
  'ERR_COMPILE',
  'ERR_TIMEOUT',
  'ERR_CANCELED',
  'ERR_QUEUE_FULL',
  'ERR_WORKER_LOST',
  'ERR_CLOSED',
  'ERR_INTERNAL',
];
const kCodeIndex = new Map(kCodes.map((code, i) => [/** @type {string} */ (code), i]));

/**
 * @param {string} code
 * @returns {number} its place in kCodes; one that is in no list has that of ERR_INTERNAL
 */
function indexOfCode(code) {
  return kCodeIndex.get(code) ?? kCodes.length - 1;
}

module.exports = { kCodes, indexOfCode };
