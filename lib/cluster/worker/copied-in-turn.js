// The addon copies small arrays for other processes itself, so many bytes in a turn of the event loop: when one ends is
// known here.
'use strict';
const { setImmediate } = require('node:timers');
const { scratch, layout } = require('../../call');

const { copiedInTurn: kCopied } = layout;
let isWaiting = false;

function endTurn() {
  isWaiting = false;
  scratch[kCopied] = 0;
}

/** After each call that may have copied some. */
function countTurn() {
  if (scratch[kCopied] === 0 || isWaiting) return;
  isWaiting = true;
  setImmediate(endTurn);
}

module.exports = { countTurn };
