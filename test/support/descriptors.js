// Descriptors that a process takes for itself, so that others go without.
'use strict';
const fs = require('node:fs');

/** @type {number[]} */
const taken = [];

/**
 * Takes all that the limit allows, but for some: only where that is low (ulimit -n).
 * @param {number} [left]
 */
function takeDescriptors(left = 0) {
  try {
    for (;;) taken.push(fs.openSync('/dev/null', 'r'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
  for (let i = 0; i < left; ++i) fs.closeSync(/** @type {number} */ (taken.pop()));
}

function giveDescriptorsBack() {
  for (const file of taken.splice(0)) fs.closeSync(file);
}

module.exports = { takeDescriptors, giveDescriptorsBack };
