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
   * @param {number} id
   * @param {unknown} answer
   * @returns {boolean} whether it was waited for
   */
  answer(id, answer) {
    this.#pending.get(id)?.resolve(answer);
    return this.#pending.delete(id);
  }

  /**
   * @param {number} id
   * @param {import('../wire/messages').WireError} error
   * @returns {boolean} whether it was waited for
   */
  fail(id, error) {
    this.#pending.get(id)?.reject(asGpuError(error));
    return this.#pending.delete(id);
  }

  /** @param {GPUError} error for all that were not answered */
  end(error) {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

module.exports = { Queries };
