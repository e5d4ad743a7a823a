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

/**
 * Figures as somebody may see them: what others cost, and may spend, is for `admin` alone, as in `GET /v1/costs`.
 * @template {object} Figures
 * @param {Figures} figures which nobody changes
 * @param {import('../call').Caller} caller
 * @returns {Figures}
 */
function figuresFor(figures, caller) {
  const { costs } = /** @type {{ costs?: import('../../index').CostUse }} */ (figures);
  if (!costs || caller.allows('admin')) return figures;
  const { byCaller, byToken, budgets, ...ofAll } = costs;
  return { ...figures, costs: { ...ofAll, byCaller: {}, byToken: {}, budgets: [] } };
}

module.exports = { publicPart, figuresFor };
