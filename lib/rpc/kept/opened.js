// Things by name that are opened once, when they are first asked for, and closed together; of too many that which was
// not used for the longest is closed.
'use strict';
const { GPUError } = require('../../core');

/**
 * @template Thing
 * @typedef {{ promise: Promise<Thing>, users: number, isGone: boolean }} Entry
 */

/** @template {{ close: () => Promise<unknown> }} Thing */
class Opened {
  /** @type {Map<string, Entry<Thing>>} in the order of their use, the latest last */
  #entries = new Map();
  /** @type {Map<string, Promise<void>>} those that are being closed, which can't be opened before */
  #closing = new Map();
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
   * @throws {GPUError} (rejects with) ERR_QUEUE_FULL: all that may be open are in use
   */
  async use(name, open, work) {
    const entry = this.#entryOf(name, open);
    ++entry.users;
    try {
      return await work(await entry.promise);
    } finally {
      --entry.users;
      if (entry.isGone && entry.users === 0) this.#close(entry);
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
      this.#trim(this.#most - 1);
      if (this.#entries.size >= this.#most)
        throw Object.assign(
          new GPUError('ERR_QUEUE_FULL', `${this.#most} of them are in use, which is the most: ask again`),
          { retryAfter: 1000 },
        );
      const before = this.#closing.get(name);
      /** @type {Entry<Thing>} */
      const made = { promise: before ? before.then(open) : open(), users: 0, isGone: false };
      // What could not be opened is tried again by the next call.
      made.promise.catch(() => {
        if (this.#entries.get(name) === made) this.#entries.delete(name);
      });
      entry = made;
    }
    this.#entries.set(name, entry);
    return entry;
  }

  /** @param {number} most that stay open, but for those in use */
  #trim(most) {
    for (const [name, entry] of this.#entries) {
      if (this.#entries.size <= most) return;
      if (entry.users > 0) continue;
      this.#entries.delete(name);
      const closed = this.#close(entry).then(() => {
        if (this.#closing.get(name) === closed) this.#closing.delete(name);
      });
      this.#closing.set(name, closed);
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
