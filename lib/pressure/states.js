// The states of a tier of memory by how much of its limit is in use. Each is left ten points lower than it is entered:
// what is done in it would else end it, and begin again at once.
'use strict';

/** @typedef {'normal'|'high'|'recovery'} TierState */

/** @type {readonly TierState[]} the worse ones last */
const kTierStates = Object.freeze(/** @type {const} */ (['normal', 'high', 'recovery']));
const kBand = 0.1;
/** Of a tier's limit: where it is entered. */
const kHigh = 0.6;
const kRecovery = 0.8;
/** Below which caches may grow again. */
const kCalm = kHigh - kBand;

/**
 * @param {TierState} state the one before
 * @param {number} share in use of the limit
 * @returns {TierState}
 */
function stateAfter(state, share) {
  if (share >= kRecovery || (state === 'recovery' && share >= kRecovery - kBand)) return 'recovery';
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
