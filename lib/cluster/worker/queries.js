// What this process asks of the coordinator beside jobs, each with a number that its answer comes back with.
'use strict';
const { asGpuError } = require('../../core');

/** @typedef {import('../../core/errors').GPUError} GPUError */

class Queries {
  /** @type {Map<number, { resolve: (answer: unknown) => void, reject: (error: GPUError) => void }>} not answered yet */
  #pending = new Map();
  #lastId = 0;

  /**
   * @template T
   * @param {(id: number) => void} send
   * @returns {Promise<T>} the answer
   */
  ask(send) {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: /** @type {(answer: unknown) => void} */ (resolve), reject });
      send(id);
    });
  }

  /**
   * @param {Extract<import('../wire/messages').ToMember, { type: 'answer'|'answer-error' }>} message
   * @returns {boolean} whether it was waited for
   */
  onAnswer(message) {
    const pending = this.#pending.get(message.id);
    if (message.type === 'answer') pending?.resolve(message.answer);
    else pending?.reject(asGpuError(message.error));
    return this.#pending.delete(message.id);
  }

  /** @param {GPUError} error for all that were not answered */
  end(error) {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

module.exports = { Queries };
