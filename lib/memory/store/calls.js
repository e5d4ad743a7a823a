// Calls of the addon that end later, as promises.
'use strict';
const { nextId, track } = require('../../call');

/**
 * @template Value
 * @param {(id: number) => void} begin hands the call's number over
 * @param {unknown} kept what must not be collected until it has ended
 * @returns {Promise<Value>}
 */
function ended(begin, kept) {
  const id = nextId();
  begin(id);
  return track(id, undefined, kept, (/** @type {Value} */ value) => value);
}

module.exports = { ended };
