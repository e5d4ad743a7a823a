// Deadlines of what others have to say: a loop that was blocked runs its timers before it reads what came meanwhile.
'use strict';
const { setImmediate, clearImmediate, setTimeout, clearTimeout } = require('node:timers');

/**
 * Acts after a time, once what has come until then was read.
 * @param {number} ms
 * @param {() => void} act
 * @param {boolean} [keepsAlive] the process, until then
 * @returns {() => void} takes it back
 */
function afterReading(ms, act, keepsAlive = false) {
  /** @type {NodeJS.Immediate|undefined} */
  let immediate;
  const timer = setTimeout(() => {
    immediate = setImmediate(act);
  }, ms);
  if (!keepsAlive) timer.unref();
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}

module.exports = { afterReading };
