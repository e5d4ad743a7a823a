// Calls of the addon that run on a thread of the pool.
'use strict';
const { nextId, track } = require('../../call');

/**
 * Runs something of the addon's on a thread of the pool.
 * @template Result
 * @param {(id: number) => void} start
 * @returns {Promise<Result>}
 */
function offLoop(start) {
  const id = nextId();
  start(id);
  return track(id, undefined, undefined, (/** @type {Result} */ value) => value);
}

module.exports = { offLoop };
