// The context that calls without a manager or a context share: opened by the first of them, and closed when none was
// made for a while, so that nobody has to.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');

/**
 * @template {{ closed: boolean, lost: boolean, close: () => Promise<void> }} Context
 */
class OwnContext {
  #open;
  #idleMs;
  #beforeClose;
  /** @type {Promise<Context>|undefined} */
  #context;
  #users = 0;
  /** @type {NodeJS.Timeout|undefined} */
  #timer;

  /**
   * @param {() => Promise<Context>} open
   * @param {number} idleMs
   * @param {(context: Context) => Promise<void>} beforeClose
   */
  constructor(open, idleMs, beforeClose) {
    this.#open = open;
    this.#idleMs = idleMs;
    this.#beforeClose = beforeClose;
  }

  /**
   * @template T
   * @param {(context: Context) => Promise<T>} use
   * @returns {Promise<T>}
   */
  async use(use) {
    clearTimeout(this.#timer);
    ++this.#users;
    try {
      return await use(await this.#get());
    } finally {
      if (--this.#users === 0) this.#timer = setTimeout(() => this.#close(), this.#idleMs).unref();
    }
  }

  /** One whose device was lost is replaced. */
  async #get() {
    const before = this.#context;
    if (before) {
      const context = await before.catch(() => undefined);
      if (context && !context.lost && !context.closed) return context;
      if (this.#context === before) {
        this.#context = undefined;
        if (context) this.#end(context).catch(() => {}); // it was lost: nobody waits for its end
      }
    }
    this.#context ??= this.#open();
    return this.#context;
  }

  async #close() {
    const context = this.#context;
    this.#context = undefined;
    const opened = await context?.catch(() => undefined);
    if (!opened) return;
    await this.#end(opened);
  }

  /** @param {Context} context */
  async #end(context) {
    await this.#beforeClose(context);
    await context.close();
  }
}

module.exports = { OwnContext };
