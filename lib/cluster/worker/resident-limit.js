// How much of sealed tensors may stay on the device of a context, by how full its memory is.
'use strict';
const { Tier, kCalm } = require('../../pressure');

/** @typedef {import('../../pressure/states').TierState} TierState */

// What was used so lately comes back with the next job: to let it go frees nothing, and costs a copy. Ms:
const kIdleMs = { high: 10_000, recovery: 1000 };

class ResidentLimit {
  #tier;
  #limit;
  #residentBytes;
  #trim;
  /** @type {TierState} */
  #before = 'normal';

  /**
   * @param {object} parts
   * @param {string} parts.id of the context
   * @param {() => import('../../pressure/tier').Use} parts.read
   * @param {() => number} parts.residentBytes of sealed tensors that are there
   * @param {(bytes: number, idleMs: number) => void} parts.limit lets go of those beyond so many bytes that were not
   *   used for so long, and keeps no more than are left then; Infinity: as many as ever
   * @param {() => void} parts.trim gives unused memory back
   */
  constructor({ id, read, residentBytes, limit, trim }) {
    this.#tier = new Tier({ tier: 'device', of: id, read });
    this.#residentBytes = residentBytes;
    this.#limit = limit;
    this.#trim = trim;
  }

  /** A look at what is in use, and what follows. */
  tend() {
    const state = this.#tier.look();
    const before = this.#before;
    this.#before = state;
    if (state === 'normal') {
      if (before !== 'normal') this.#limit(Infinity, 0);
      return;
    }
    const most = state === 'recovery' ? 0 : Math.max(0, this.#residentBytes() - this.#tier.above(kCalm));
    this.#limit(most, kIdleMs[state]);
    if (state === 'recovery' && before !== 'recovery') this.#trim();
  }
}

module.exports = { ResidentLimit };
