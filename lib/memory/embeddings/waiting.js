// Waiting for what others wait for, too: one caller's signal or deadline ends its own waiting alone.
'use strict';
const { nextId, settle, track } = require('../../call');
const { GPUError, nowMs } = require('../../core');

/** @typedef {import('../../index').WaitOptions} WaitOptions */

/**
 * @template T
 * @param {Promise<T>} promise which goes on whoever gives up
 * @param {WaitOptions} options
 * @returns {Promise<T>}
 */
function orGivenUp(promise, { signal, timeout = Infinity }) {
  if (!signal && timeout === Infinity) return promise;
  const number = nextId();
  const waited = track(
    number,
    { signal, timeout },
    undefined,
    (/** @type {T} */ value) => value,
    () => settle(number, null, undefined),
  );
  promise.then(
    (value) => settle(number, null, value),
    (error) => settle(number, error, undefined),
  );
  return waited;
}

/**
 * The options of a call, with what is left of its time: that begins with the call, whatever it waits for.
 * @template {WaitOptions} Options
 * @param {Options} options
 * @param {number} usual ms, of a call that doesn't say
 * @returns {() => Options}
 */
function restOf(options, usual) {
  const { timeout = usual, signal } = options;
  const began = nowMs();
  return () => {
    const left = timeout - (nowMs() - began);
    if (signal?.aborted)
      throw released(new GPUError('ERR_CANCELED', 'the call was canceled by its signal', { cause: signal.reason }));
    if (left <= 0) throw released(new GPUError('ERR_TIMEOUT', `the call was not done within ${timeout} ms`));
    return { ...options, timeout: left };
  };
}

/** @param {GPUError} error of a call that uses nothing any more */
function released(error) {
  error.released = Promise.resolve();
  return error;
}

module.exports = { orGivenUp, restOf };
