// What a job needs of a context: the kind of work it is, which decides which devices suit it, and the type it has to
// have.
'use strict';

/** @typedef {import('../../call/encode').Kind} Kind */
/** @typedef {import('../../call/call').ContextType} ContextType */
/** @typedef {{ kind: Kind, type: ContextType }} Need */

/** @type {Map<string, Need>} the same object again: a small job makes none */
const needs = new Map();

/**
 * @param {Kind} kind
 * @param {ContextType} type
 * @returns {Need}
 */
function needFor(kind, type) {
  const key = type ? `${kind} ${type}` : kind;
  let need = needs.get(key);
  if (!need) needs.set(key, (need = { kind, type }));
  return need;
}

module.exports = { needFor };
