// What is done at the end of this tick, once for all that asked for it.
'use strict';

const kSettled = Promise.resolve();

/**
 * Calls it once the code that runs now has ended, before timers and input. queueMicrotask() makes an object for
 * node:async_hooks each time, which costs more than a message does.
 * @param {() => void} task
 */
function soon(task) {
  kSettled.then(task);
}

module.exports = { soon };
