// Deadlines of what others have to say: a loop that was blocked runs its timers before it reads what came meanwhile.
'use strict';
const { setImmediate, clearImmediate, setTimeout, clearTimeout } = require('node:timers');

/**
 * Acts after a time, once what has come until then was read. It does not keep the process alive.
 * @param {number} ms
 * @param {() => void} act
 * @returns {() => void} takes it back
 */
function afterReading(ms, act) {
  /** @type {NodeJS.Immediate|undefined} */
  let immediate;
  const timer = setTimeout(() => {
    immediate = setImmediate(act);
  }, ms);
  timer.unref();
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}

module.exports = { afterReading };
