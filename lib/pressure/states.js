// The states of a tier of memory by how much of its limit is in use. Each is left ten points lower than it is entered:
// what is done in it would else end it, and begin again at once.
'use strict';

/** @typedef {'normal'|'high'|'recovery'} TierState */

/** @type {readonly TierState[]} the worse ones last */
const kTierStates = Object.freeze(/** @type {const} */ (['normal', 'high', 'recovery']));
/** Of a tier's limit: where each is entered, and below what it is left. */
const kHigh = 0.6;
const kCalm = 0.5;
const kRecovery = 0.8;
const kRecovered = 0.7;

/**
 * @param {TierState} state the one before
 * @param {number} share in use of the limit
 * @returns {TierState}
 */
function stateAfter(state, share) {
  if (share >= kRecovery || (state === 'recovery' && share >= kRecovered)) return 'recovery';
  if (share >= kHigh || (state !== 'normal' && share >= kCalm)) return 'high';
  return 'normal';
}

/**
 * The worst of some.
 * @param {Iterable<TierState>} states
 * @returns {TierState}
 */
function worstOf(states) {
  let worst = 0;
  for (const state of states) worst = Math.max(worst, kTierStates.indexOf(state));
  return kTierStates[worst];
}

module.exports = { kTierStates, kHigh, kRecovery, kCalm, stateAfter, worstOf };
