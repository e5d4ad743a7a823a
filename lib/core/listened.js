// An emitter that says when somebody begins to listen, so that nothing is done for events that nobody hears. Node's own
// 'newListener' is an event, too: who removes all listeners takes that one along.
'use strict';
const { EventEmitter } = require('node:events');

/** @typedef {(...values: any[]) => void} Listener */

class Listened extends EventEmitter {
  /** @type {Map<string|symbol, () => void>} */
  #begins = new Map();

  /**
   * @param {Listened} emitter
   * @param {string} name of the event
   * @param {() => void} call after each listener that it gets
   */
  static whenHeard(emitter, name, call) {
    emitter.#begins.set(name, call);
    if (emitter.listenerCount(name)) call();
  }

  // once() and prependOnceListener() come by these, too.

  /**
   * @param {string|symbol} name
   * @param {Listener} listener
   */
  on(name, listener) {
    super.on(name, listener);
    this.#begins.get(name)?.();
    return this;
  }

  /**
   * @param {string|symbol} name
   * @param {Listener} listener
   */
  addListener(name, listener) {
    return this.on(name, listener);
  }

  /**
   * @param {string|symbol} name
   * @param {Listener} listener
   */
  prependListener(name, listener) {
    super.prependListener(name, listener);
    this.#begins.get(name)?.();
    return this;
  }
}

module.exports = { Listened };
