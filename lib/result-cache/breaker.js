// Leaves something alone that does not work, for longer each time, and says so once: nobody waits for it meanwhile.
'use strict';
const { nowMs } = require('../core');

const kFirstMs = 1000;
const kMostMs = 30_000;

class Breaker {
  #what;
  #log;
  #now;
  #wait = kFirstMs;
  #until = 0;
  /** Whether it is left alone, or was until now. */
  isOpen = false;

  /**
   * @param {string} what is left alone, for the log
   * @param {import('../core/log').Logger} log
   * @param {() => number} [now] ms
   */
  constructor(what, log, now = nowMs) {
    this.#what = what;
    this.#log = log;
    this.#now = now;
  }

  /** Whether it may be tried: always while it works, then once after each wait. */
  get allows() {
    return !this.isOpen || this.#now() >= this.#until;
  }

  /** Ms until it may be tried again. */
  get waitMs() {
    return Math.max(0, this.#until - this.#now());
  }

  /** It works. */
  worked() {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#wait = kFirstMs;
    this.#log.info(`${this.#what} keeps results again`);
  }

  /** @param {unknown} error why it does not */
  failed(error) {
    this.#until = this.#now() + this.#wait;
    this.#wait = Math.min(kMostMs, 2 * this.#wait);
    if (this.isOpen) return;
    this.isOpen = true;
    const { code, message } = /** @type {{ code?: string, message?: string }} */ (error ?? {});
    this.#log.warn(
      { reason: code ?? firstWords(message) },
      `${this.#what} is left alone for a while: jobs run as they would without it`,
    );
  }
}

/** @param {string|undefined} message that may quote what was asked */
function firstWords(message = 'unknown') {
  return message.split(/[:\n]/)[0].slice(0, 80);
}

module.exports = { Breaker };
