// What a job needs of a context: the kind of work it is, which decides which devices suit it, and the type it has to
// have.
'use strict';
const { messages: protocol } = require('../wire');

const { kKinds, kContextTypes } = protocol;

/** @typedef {{ kind: typeof kKinds[number], type: typeof kContextTypes[number] }} Need type: '' for whichever */

/** @type {Map<string, Need>} the same object again: a small job makes none */
const needs = new Map();

/**
 * @param {typeof kKinds[number]} kind
 * @param {typeof kContextTypes[number]} type
 * @returns {Need}
 */
function needFor(kind, type) {
  const key = type ? `${kind} ${type}` : kind;
  let need = needs.get(key);
  if (!need) needs.set(key, (need = { kind, type }));
  return need;
}

module.exports = { needFor };
