// A member's status page: numbers in shared memory that it writes and the coordinator reads without asking, even when
// the member's loop is blocked. src/cluster/status.def says what is where.
'use strict';
const { layouts } = require('../addon');

const { statusPage: inPage, statusContext: inContext, statusLimits } = layouts;
const { contexts: kMaxContexts, started: kMaxStarted } = statusLimits;
const { contexts: kContexts } = inPage;
const { numbers: kContextSize } = inContext;

/** What can stand in a context's `state`, by its number. */
const kStates = Object.freeze(['none', 'starting', 'ready', 'lost', 'closed']);

/**
 * Where the numbers of the context n begin.
 * @param {number} n
 */
function contextAt(n) {
  return kContexts + n * kContextSize;
}

module.exports = { inPage, inContext, kMaxContexts, kMaxStarted, kStates, contextAt };
