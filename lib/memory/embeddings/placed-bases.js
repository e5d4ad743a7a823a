// Bases where all jobs read them: on a GPU on the device, in a cluster in memory that all processes share. The last
// used stay.
'use strict';
const { kOwnNames } = require('../../call');

/** @typedef {import('../../index').InputTensor} InputTensor */
/** @typedef {import('../../text/owners').Owner} Owner */
/** @typedef {import('../../text/weights').Placed} Placed */
/** @typedef {import('./basis').Basis} Basis */
/** @typedef {{ placed: Promise<Placed>, isGone: boolean }} Entry */

const kMost = 8;

class PlacedBases {
  /** @type {Map<string, Entry>} by version, the last used last */
  #entries = new Map();
  #owner;

  /** @param {Owner} owner */
  constructor(owner) {
    this.#owner = owner;
  }

  /**
   * For a job that is begun at once.
   * @param {Basis} basis
   * @returns {Promise<Record<string, InputTensor>>} mean and components
   */
  async inputsOf(basis) {
    for (;;) {
      const entry = this.#entryOf(basis);
      const { inputs } = await entry.placed;
      if (!entry.isGone) return { ...inputs };
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
    const entry = there ?? { placed: this.#place(basis), isGone: false };
    this.#entries.set(version, entry);
    if (there) return entry;
    entry.placed.catch(() => {
      if (this.#entries.get(version) === entry) this.#entries.delete(version);
    });
    if (this.#entries.size > kMost) {
      const [[oldest, other]] = this.#entries;
      this.#entries.delete(oldest);
      letGo(other);
    }
    return entry;
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

/** @param {Entry} entry */
async function letGo(entry) {
  entry.isGone = true;
  const placed = await entry.placed.catch(() => undefined);
  await placed?.release();
}

module.exports = { PlacedBases };
