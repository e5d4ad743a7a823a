// What may go on beside each other, and what goes alone: a document that becomes shorter is replaced by two writes, and
// no search sees an index between them. Who comes first goes first.
'use strict';
const { orGivenUp } = require('../embeddings/waiting');

/** @typedef {import('../../index').WaitOptions} WaitOptions */

class Gate {
  /** @type {Set<Promise<unknown>>} that run, or wait for the last one that goes alone */
  #beside = new Set();
  /** The end of the last one that goes alone. @type {Promise<void>|undefined} */
  #alone;

  /**
   * @template T
   * @param {() => Promise<T>} run
   * @param {() => WaitOptions} [rest] how long it waits for its turn
   * @returns {Promise<T>}
   */
  async beside(run, rest = () => ({})) {
    const running = this.#alone ? orGivenUp(this.#alone, rest()).then(run) : run();
    this.#beside.add(running);
    try {
      return await running;
    } finally {
      this.#beside.delete(running);
    }
  }

  /**
   * @template T
   * @param {() => Promise<T>} run
   * @returns {Promise<T>}
   */
  async alone(run) {
    const running = Promise.allSettled([this.#alone, ...this.#beside]).then(run);
    const ended = running.then(
      () => {},
      () => {},
    );
    this.#alone = ended;
    try {
      return await running;
    } finally {
      if (this.#alone === ended) this.#alone = undefined;
    }
  }
}

module.exports = { Gate };
