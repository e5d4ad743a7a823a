// What members' status pages say of the cards that contexts are on.
'use strict';
const { inContext, contextAt } = require('./status-page');
const { slotOf } = require('./contexts');

/** @typedef {{ workerId: number, page: Float64Array }} MemberPage */
/** @typedef {{ utilization: number, usedBytes: number, totalBytes: number, temperature: number }} Card a utilization
 *   and a temperature may be NaN */

/**
 * Several members may tell of one card, at slightly different times: the most of what they say, so that a card is never
 * counted twice.
 * @param {readonly import('./contexts').ContextState[]} contexts
 * @param {readonly MemberPage[]} members
 * @returns {Map<string, Card>} by device
 */
function readCards(contexts, members) {
  const pages = new Map(members.map(({ workerId, page }) => [workerId, page]));
  const cards = new Map();
  for (const context of contexts) {
    const page = pages.get(context.workerId);
    const at = contextAt(slotOf(context));
    if (!page || !(page[at + inContext.gpuTotalBytes] > 0)) continue;
    const card = cards.get(context.device) ?? { utilization: NaN, usedBytes: 0, totalBytes: 0, temperature: NaN };
    card.utilization = mostKnown(card.utilization, page[at + inContext.gpuUtilization]);
    card.usedBytes = mostKnown(card.usedBytes, page[at + inContext.gpuUsedBytes]);
    card.totalBytes = mostKnown(card.totalBytes, page[at + inContext.gpuTotalBytes]);
    card.temperature = mostKnown(card.temperature, page[at + inContext.gpuTemperature]);
    cards.set(context.device, card);
  }
  return cards;
}

/**
 * @param {number} a
 * @param {number} b
 */
function mostKnown(a, b) {
  return b >= a || Number.isNaN(a) ? b : a;
}

module.exports = { readCards };
