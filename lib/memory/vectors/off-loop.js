// Calls of the addon that run on a thread of the pool.
'use strict';
const { nextId, track } = require('../../call');

/**
 * Runs something of the addon's on a thread of the pool.
 * @template Result
 * @param {(id: number) => void} start
 * @param {(result: Result) => void} [onResult] called with it as soon as it is there, before anything else of
 *   JavaScript runs
 * @returns {Promise<Result>}
 */
function offLoop(start, onResult) {
  const id = nextId();
  start(id);
  return track(id, undefined, undefined, (/** @type {Result} */ value) => {
    onResult?.(value);
    return value;
  });
}

module.exports = { offLoop };
