// Bases where all jobs read them: on a GPU on the device, in a cluster in memory that all processes share. Those that
// are used stay, and the last used of the others.
'use strict';
const { kOwnNames } = require('../../call');
const { tiersOf } = require('../tiers');

/** @typedef {import('../../index').InputTensor} InputTensor */
/** @typedef {import('../../text/owners').Owner} Owner */
/** @typedef {import('../../text/weights').Placed} Placed */
/** @typedef {import('./basis').Basis} Basis */
/**
 * @typedef {object} Entry
 * @property {Promise<Placed>} placed
 * @property {number} users jobs that have it
 * @property {import('../tiers/copies').Copy} copy what is said of it
 * @property {() => void} [onUnused] of one that is to go: nobody takes it any more
 */

const kMost = 8; // and those that are used

class PlacedBases {
  /** @type {Map<string, Entry>} by version, the last used last */
  #entries = new Map();
  #owner;
  #tiers;
  #most = kMost;
  #kept = 0; // after the last job

  /**
   * @param {Owner} owner
   * @param {import('../tiers').Tiers} [tiers] that say how many there may be
   */
  constructor(owner, tiers = tiersOf(owner.of)) {
    this.#owner = owner;
    this.#tiers = tiers;
  }

  /**
   * Runs a job that reads a basis, which stays where it is until the job has ended.
   * @template T
   * @param {Basis} basis
   * @param {(inputs: Record<string, InputTensor>) => Promise<T>} run gets mean and components
   * @returns {Promise<T>}
   */
  async use(basis, run) {
    const entry = this.#entryOf(basis);
    ++entry.users;
    try {
      const { inputs } = await entry.placed;
      return await run({ ...inputs });
    } finally {
      --entry.users;
      if (!entry.users) entry.onUnused?.();
      this.#drop();
    }
  }

  /** Gives all of it back, once no job uses it. */
  async clear() {
    const all = [...this.#entries.values()];
    this.#entries.clear();
    for (const { copy } of all) this.#tiers.gone(copy);
    await Promise.all(all.map(letGo));
  }

  /**
   * @param {Basis} basis
   * @returns {Entry}
   */
  #entryOf(basis) {
    const { version } = basis;
    const there = this.#entries.get(version);
    this.#entries.delete(version);
    const entry = there ?? this.#make(basis);
    this.#entries.set(version, entry);
    this.#tiers.used(entry.copy);
    if (there) return entry;
    entry.placed.catch(() => {
      if (this.#entries.get(version) === entry) this.#forget(version, entry);
    });
    return entry;
  }

  /**
   * @param {Basis} basis
   * @returns {Entry}
   */
  #make(basis) {
    /** @type {Entry} */
    const entry = {
      placed: this.#place(basis),
      users: 0,
      copy: { bytes: basis.bytes, isPinned: false, letGo: () => this.#letGo(basis.version, entry) },
    };
    return entry;
  }

  /** What is too many, of those that nobody uses. As memory fills up there are no more than before, later on none. */
  #drop() {
    const state = this.#tiers.stateOfCopies();
    this.#most = state === 'normal' ? kMost : state === 'high' ? Math.max(1, Math.min(this.#most, this.#kept)) : 0;
    for (const [version, entry] of this.#entries) {
      if (this.#entries.size <= this.#most) break;
      this.#letGo(version, entry);
    }
    this.#kept = this.#entries.size;
  }

  /**
   * @param {string} version
   * @param {Entry} entry
   * @returns {boolean} false: it is used
   */
  #letGo(version, entry) {
    if (entry.users || this.#entries.get(version) !== entry) return false;
    this.#forget(version, entry);
    letGo(entry);
    return true;
  }

  /**
   * @param {string} version
   * @param {Entry} entry
   */
  #forget(version, entry) {
    this.#entries.delete(version);
    this.#tiers.gone(entry.copy);
  }

  /**
   * @param {Basis} basis
   * @returns {Promise<Placed>}
   */
  #place({ version, mean, components, width: d, dimensions: c }) {
    const datas = [mean, components];
    return this.#owner.place(
      `${kOwnNames}basis:${version}`,
      {
        parts: [
          { name: 'mean', dtype: 'float32', shape: [d], bytes: mean.byteLength },
          { name: 'components', dtype: 'float32', shape: [c, d], bytes: components.byteLength },
        ],
        forms: new Map(),
        async read(targetOf, take) {
          for (const [place, data] of datas.entries()) {
            const target = /** @type {Float32Array|undefined} */ (targetOf(place));
            if (target) target.set(data);
            else await take(place, data);
          }
        },
      },
      {},
    );
  }
}

/** @param {Entry} entry that nobody finds any more */
async function letGo(entry) {
  if (entry.users) await new Promise((resolve) => (entry.onUnused = () => resolve(undefined)));
  const placed = await entry.placed.catch(() => undefined);
  await placed?.release();
}

module.exports = { PlacedBases };
