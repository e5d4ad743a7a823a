// What leaves the machine of what the cluster says of itself: no process ids, no folders in texts, and ages in whole
// milliseconds.
'use strict';
const { withoutPaths } = require('../../core');

const kTexts = new Set(['message', 'log', 'reason']);

/**
 * @param {object} said
 * @returns {object} a copy
 */
function publicPart(said) {
  return JSON.parse(
    JSON.stringify(said, (key, value) => {
      if (key === 'pid') return undefined;
      if (typeof value === 'string') return kTexts.has(key) ? withoutPaths(value) : value;
      return typeof value === 'number' && /Ms$/.test(key) ? Math.round(value) : value;
    }),
  );
}

module.exports = { publicPart };
