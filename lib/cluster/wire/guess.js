// How fast a device is taken to be before anything was measured of it.
'use strict';

const kCardMs = 0.05;

/**
 * @param {boolean} isCard it is a card, and does not compute on the processor
 * @returns {number} ms for each ms of the reference core
 */
function guessedSpeed(isCard) {
  return isCard ? kCardMs : 1;
}

module.exports = { guessedSpeed };
