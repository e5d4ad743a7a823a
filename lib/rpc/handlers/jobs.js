// The options of a call's jobs: what the client said, within what it may.
'use strict';
const { timeoutOf } = require('../../exchange');

/**
 * @param {import('../parts').Parts} parts
 * @param {Record<string, unknown>|undefined} job as the client gave it
 * @param {import('../call').Call} call
 * @returns {Record<string, unknown> & { signal: AbortSignal, timeout: number }}
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT: its timeout is longer than a client's may be
 */
function jobOptions({ config }, job = {}, { signal }) {
  try {
    return { ...job, timeout: timeoutOf(job, config), signal };
  } catch (error) {
    error.argument = 'job.timeout';
    throw error;
  }
}

/**
 * Without what was left out: those that check them know no undefined.
 * @param {Record<string, unknown>} fields
 * @returns {Record<string, unknown>}
 */
function given(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

module.exports = { jobOptions, given };
