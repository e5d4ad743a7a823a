// Copies that make jobs quicker and can be made again, in the order in which they were used: on devices, or in memory
// that processes share.
'use strict';

/**
 * @typedef {object} Copy
 * @property {number} bytes
 * @property {boolean} isPinned it stays, whatever else goes
 * @property {() => boolean} letGo frees its memory, now or when what uses it has ended; false: it can't be just now
 */

class Copies {
  /** @type {Map<Copy, number>} when each was used, the last one last */
  #byUse = new Map();

  /** Of all of them, in bytes. */
  get bytes() {
    let sum = 0;
    for (const { bytes } of this.#byUse.keys()) sum += bytes;
    return sum;
  }

  /**
   * A new one, or one that was used just now.
   * @param {Copy} copy
   * @param {number} ms when
   */
  used(copy, ms) {
    this.#byUse.delete(copy);
    this.#byUse.set(copy, ms);
  }

  /**
   * It has gone.
   * @param {Copy} copy
   */
  delete(copy) {
    this.#byUse.delete(copy);
  }

  /**
   * Lets go of so many bytes of those that were not used for the longest.
   * @param {number} bytes Infinity: of all that are not pinned
   * @param {number} [before] of those whose last use was before that
   * @returns {number} how many it has let go of
   */
  letGo(bytes, before = Infinity) {
    let gone = 0;
    for (const [copy, ms] of [...this.#byUse]) {
      if (gone >= bytes || ms >= before) break;
      if (copy.isPinned || !copy.letGo()) continue;
      this.#byUse.delete(copy);
      gone += copy.bytes;
    }
    return gone;
  }
}

module.exports = { Copies };
