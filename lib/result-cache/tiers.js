// The tiers of kept results, in the order in which they are asked.
'use strict';

/** @typedef {import('../index').ResultTier} ResultTier */

/** @type {readonly ResultTier['name'][]} */
const kTierNames = Object.freeze(['memory', 'redis', 'disk']);

/**
 * What is told of one.
 * @param {ResultTier['name']} name
 * @param {{ hits: number, misses: number }} counts
 * @param {Partial<ResultTier>} [rest]
 * @returns {ResultTier}
 */
function tierUse(name, { hits, misses }, rest = {}) {
  return { name, entries: 0, bytes: 0, limit: null, hits, misses, state: 'off', ...rest };
}

module.exports = { kTierNames, tierUse };
