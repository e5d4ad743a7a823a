// Bases that are kept, by name: for the life of the process, or in a store. Each is fitted once, by the first call that
// needs it; the others wait for that one.
'use strict';
const { GPUError } = require('../../core');
const { Basis } = require('./basis');
const { orGivenUp } = require('./waiting');

/** @typedef {import('./request').KeyedStore} KeyedStore */
/** @typedef {import('../../index').WaitOptions} WaitOptions */

const kMost = 256; // in memory
const kMostBytes = 1 << 30; // in memory, after which no further one is fitted
const kKey = 'basis/'; // of a store

class Bases {
  /** @type {Map<string, Basis>} the last used last */
  #kept = new Map();
  /** @type {Map<string, Promise<Basis>>} */
  #fitting = new Map();
  /** How many are fitted for which there was room. */
  #coming = 0;
  #store;

  /** @param {KeyedStore} [store] where they are kept; else in memory alone */
  constructor(store) {
    this.#store = store;
  }

  /** Those that are in memory. */
  get all() {
    return [...this.#kept.values()];
  }

  /**
   * @param {string} name
   * @param {() => Promise<Basis>} fit of the caller's own rows, with its own signal and time
   * @param {() => WaitOptions} rest what the caller waits for another one's
   * @returns {Promise<Basis>}
   */
  async get(name, fit, rest) {
    for (;;) {
      const kept = this.#kept.get(name);
      if (kept) {
        this.#keep(kept);
        return kept;
      }
      const others = this.#fitting.get(name);
      if (!others) return this.#find(name, fit);
      // What fails another caller says nothing of this one's rows: they are next.
      await orGivenUp(
        others.then(
          () => undefined,
          () => undefined,
        ),
        rest(),
      );
    }
  }

  /**
   * @param {string} name
   * @param {() => Promise<Basis>} fit
   */
  async #find(name, fit) {
    const found = this.#read(name).then(async (stored) => {
      if (stored) return stored;
      this.#checkRoom(name);
      ++this.#coming;
      try {
        const basis = await fit();
        await this.#store?.put(kKey + name, basis.encode());
        return basis;
      } finally {
        --this.#coming;
      }
    });
    this.#fitting.set(name, found);
    try {
      const basis = await found;
      this.#keep(basis);
      return basis;
    } finally {
      this.#fitting.delete(name);
    }
  }

  /** @param {string} name */
  async #read(name) {
    const bytes = await this.#store?.get(kKey + name);
    return bytes && Basis.decode(name, bytes);
  }

  /** @param {string} name */
  #checkRoom(name) {
    if (this.#store) return;
    const count = this.#kept.size + this.#coming;
    const bytes = this.all.reduce((sum, basis) => sum + basis.bytes, 0);
    if (count < kMost && bytes <= kMostBytes) return;
    const kept = count < kMost ? `bases of ${bytes} bytes` : `${count} bases`;
    throw new GPUError(
      'ERR_OUT_OF_MEMORY',
      `there is no room for the basis '${name}': this process keeps ${kept}, and at most ${kMost} of together ` +
        `${kMostBytes} bytes, until it ends. Give a store, which keeps any number, or the basis itself that an ` +
        'earlier call gave',
    );
  }

  /** @param {Basis} basis used just now */
  #keep(basis) {
    this.#kept.delete(basis.name);
    this.#kept.set(basis.name, basis);
    if (!this.#store || this.#kept.size <= kMost) return;
    const [oldest] = this.#kept.keys();
    this.#kept.delete(oldest); // it is in the store
  }
}

const inProcess = new Bases();
/** @type {WeakMap<object, Bases>} */
const ofStores = new WeakMap();

/** @param {KeyedStore} [store] */
function basesOf(store) {
  if (!store) return inProcess;
  let bases = ofStores.get(store);
  if (!bases) ofStores.set(store, (bases = new Bases(store)));
  return bases;
}

module.exports = { Bases, basesOf };
