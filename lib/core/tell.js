// Events for the application, told from code that has other things to do.
'use strict';
const { setImmediate } = require('node:timers');

/**
 * Emits an event. What a listener throws is the application's: it becomes an uncaught exception, as with any emitter,
 * but never reaches the code that tells, where it would decide a job or skip what is still to be done.
 * @param {import('node:events').EventEmitter} emitter
 * @param {string} name
 * @param {unknown} event
 */
function tell(emitter, name, event) {
  try {
    emitter.emit(name, event);
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

module.exports = { tell };
