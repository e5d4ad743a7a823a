// The options of a call's jobs: what the client said, within what it may.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { GPUError } = require('../../core');
const { timeoutOf } = require('../../exchange');
const { accountOf } = require('../account');

const kMostMs = 2 ** 31 - 1; // that a timer can wait

/**
 * @param {import('../parts').Parts} parts
 * @param {Record<string, unknown>|undefined} job as the client gave it
 * @param {import('../call').Call} call
 * @returns {Record<string, unknown> & { signal: AbortSignal, timeout: number }}
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT: its timeout is longer than a client's may be
 */
function jobOptions({ config }, job = {}, { signal, caller }) {
  try {
    return { ...job, timeout: timeoutOf(job, config), signal, account: accountOf(caller) };
  } catch (error) {
    error.argument = 'job.timeout';
    throw error;
  }
}

/**
 * Waits for work that goes on for others, too, when this call is given up: what runs many calls as one looks at
 * nobody's signal.
 * @template Result
 * @param {(job: Record<string, unknown>) => Promise<Result>} work is given the job's other options
 * @param {ReturnType<typeof jobOptions>} options
 * @param {string} what is waited for
 * @returns {Promise<Result>}
 * @throws {GPUError} (rejects with) ERR_CANCELED, ERR_TIMEOUT; what the work ends with
 */
async function waitFor(work, { signal, timeout, ...job }, what) {
  /** @type {NodeJS.Timeout|undefined} */
  let timer;
  /** @type {(() => void)|undefined} */
  let onAbort;
  const givenUp = new Promise((_, reject) => {
    onAbort = () => reject(new GPUError('ERR_CANCELED', `${what} was canceled`));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    if (timeout === Infinity) return;
    timer = setTimeout(
      () => reject(new GPUError('ERR_TIMEOUT', `${what} did not end within ${timeout} ms`)),
      Math.min(timeout, kMostMs),
    );
  });
  try {
    return await Promise.race([work(job), /** @type {Promise<never>} */ (givenUp)]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', /** @type {() => void} */ (onAbort));
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

module.exports = { jobOptions, waitFor, given };
