// What NVML says of a card, as a status page has it.
'use strict';
const { native } = require('../../addon');
const { nextId, track } = require('../../call');

/** @typedef {{ utilization: number, usedBytes: number, totalBytes: number, temperature: number }} Card */

/**
 * @param {string} uuid
 * @returns {Promise<number[]|undefined>} from `gpuUtilization` on, in the order of the page; undefined: nothing is
 *   known
 */
async function cardUse(uuid) {
  const number = nextId();
  native.readCard(number, uuid);
  const card = await track(number, undefined, undefined, (/** @type {Card|null} */ value) => value);
  return card ? [card.utilization, card.usedBytes, card.totalBytes, card.temperature] : undefined;
}

module.exports = { cardUse };
