// Things by name that are opened once, when they are first asked for, and closed together; of too many that which was
// not used for the longest is closed.
'use strict';

/**
 * @template Thing
 * @typedef {{ promise: Promise<Thing>, users: number, isGone: boolean }} Entry
 */

/** @template {{ close: () => Promise<unknown> }} Thing */
class Opened {
  /** @type {Map<string, Entry<Thing>>} in the order of their use, the latest last */
  #entries = new Map();
  #most;

  /** @param {number} [most] at a time */
  constructor(most = Infinity) {
    this.#most = most;
  }

  /**
   * Uses the thing of that name: it stays open until `work` has ended.
   * @template Result
   * @param {string} name
   * @param {() => Promise<Thing>} open
   * @param {(thing: Thing) => Promise<Result>|Result} work
   * @returns {Promise<Result>}
   */
  async use(name, open, work) {
    const entry = this.#entryOf(name, open);
    ++entry.users;
    try {
      return await work(await entry.promise);
    } finally {
      --entry.users;
      if (entry.isGone && entry.users === 0) this.#close(entry);
      this.#trim();
    }
  }

  /**
   * @param {string} name
   * @param {() => Promise<Thing>} open
   */
  #entryOf(name, open) {
    let entry = this.#entries.get(name);
    if (entry) {
      this.#entries.delete(name);
    } else {
      /** @type {Entry<Thing>} */
      const made = { promise: open(), users: 0, isGone: false };
      // What could not be opened is tried again by the next call.
      made.promise.catch(() => {
        if (this.#entries.get(name) === made) this.#entries.delete(name);
      });
      entry = made;
    }
    this.#entries.set(name, entry);
    return entry;
  }

  #trim() {
    for (const [name, entry] of this.#entries) {
      if (this.#entries.size <= this.#most) return;
      if (entry.users > 0) continue;
      this.#entries.delete(name);
      this.#close(entry);
    }
  }

  /** @param {Entry<Thing>} entry */
  async #close(entry) {
    await entry.promise.then((thing) => thing.close()).catch(() => {});
  }

  /** Closes all; what is in use when that has ended. */
  async close() {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(
      entries.map((entry) => {
        entry.isGone = true;
        return entry.users === 0 ? this.#close(entry) : undefined;
      }),
    );
  }
}

module.exports = { Opened };
