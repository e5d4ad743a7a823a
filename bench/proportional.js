// What a process holds of memory, shared pages by their share.
'use strict';
const { readFileSync } = require('node:fs');

/** @param {number} pid @returns {number} its proportional set size, in bytes */
function proportionalBytes(pid) {
  const [, kilobytes] = /** @type {RegExpMatchArray} */ (
    /^Pss: +(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
  );
  return Number(kilobytes) * 1024;
}

module.exports = { proportionalBytes };
