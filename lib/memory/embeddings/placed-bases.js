// Bases where all jobs read them: on a GPU on the device, in a cluster in memory that all processes share. Those that
// are used stay, and the last used of the others.
'use strict';
const { kOwnNames } = require('../../call');

/** @typedef {import('../../index').InputTensor} InputTensor */
/** @typedef {import('../../text/owners').Owner} Owner */
/** @typedef {import('../../text/weights').Placed} Placed */
/** @typedef {import('./basis').Basis} Basis */
/**
 * @typedef {object} Entry
 * @property {Promise<Placed>} placed
 * @property {number} users jobs that have it
 * @property {() => void} [onUnused] of one that is to go: nobody takes it any more
 */

const kMost = 8; // and those that are used

class PlacedBases {
  /** @type {Map<string, Entry>} by version, the last used last */
  #entries = new Map();
  #owner;

  /** @param {Owner} owner */
  constructor(owner) {
    this.#owner = owner;
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
    const entry = there ?? { placed: this.#place(basis), users: 0 };
    this.#entries.set(version, entry);
    if (there) return entry;
    entry.placed.catch(() => {
      if (this.#entries.get(version) === entry) this.#entries.delete(version);
    });
    return entry;
  }

  /** What is too many, of those that nobody uses. */
  #drop() {
    for (const [version, entry] of this.#entries) {
      if (this.#entries.size <= kMost) return;
      if (entry.users) continue;
      this.#entries.delete(version);
      letGo(entry);
    }
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
