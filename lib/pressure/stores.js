// The stores that are open in this process and have a limit: the tier on the disk.
'use strict';

/** @typedef {import('./tier').Use} Use */

/** @type {Set<() => Use|undefined>} */
const open = new Set();

/**
 * @param {() => Use|undefined} read undefined: it was let go of without being closed
 * @returns {() => void} it is closed
 */
function watchStore(read) {
  open.add(read);
  return () => open.delete(read);
}

/** @returns {Use} of the one that is nearest to its limit; a limit of 0: none has one */
function storesUse() {
  let worst = { used: 0, limit: 0 };
  for (const read of open) {
    const use = read();
    if (!use) open.delete(read);
    else if (use.limit > 0 && (!worst.limit || use.used / use.limit > worst.used / worst.limit)) worst = use;
  }
  return worst;
}

module.exports = { watchStore, storesUse };
