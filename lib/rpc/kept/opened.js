// Things by name that are opened once, when they are first asked for, and closed together; of too many that which was
// not used for the longest is closed.
'use strict';
const { GPUError } = require('../../core');

/**
 * @template Thing
 * @typedef {{ promise: Promise<Thing>, thing: Thing|undefined, users: number, onFree: (() => void)|undefined }} Entry
 */

/** @template {{ close: () => Promise<unknown> }} Thing */
class Opened {
  /** @type {Map<string, Entry<Thing>>} in the order of their use, the latest last */
  #entries = new Map();
  /** @type {Map<string, Promise<void>>} those that are being closed, which can't be opened before */
  #closing = new Map();
  #isClosed = false;
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
   * @throws {GPUError} (rejects with) ERR_QUEUE_FULL: all that may be open are in use; ERR_CLOSED
   */
  async use(name, open, work) {
    // Nothing that comes late opens it again, and leaves its lock behind.
    if (this.#isClosed) throw new GPUError('ERR_CLOSED', 'the server is stopping: it opens nothing any more');
    const entry = this.#entryOf(name, open);
    ++entry.users;
    try {
      return await work(await entry.promise);
    } finally {
      this.#leave(entry);
    }
  }

  /** @param {Entry<Thing>} entry */
  #leave(entry) {
    --entry.users;
    if (entry.users === 0) entry.onFree?.();
  }

  /**
   * What `work` makes of each that is open; to look at one is no use of it.
   * @template Result
   * @param {(thing: Thing) => Promise<Result>|Result} work
   * @returns {Promise<Map<string, Result>>} by name
   */
  async look(work) {
    /** @type {Map<string, Result>} */
    const seen = new Map();
    const looks = [...this.#entries].map(async ([name, entry]) => {
      const { thing } = entry;
      if (thing === undefined) return;
      ++entry.users;
      try {
        seen.set(name, await work(thing));
      } finally {
        this.#leave(entry);
      }
    });
    await Promise.all(looks);
    return seen;
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
      const made = { promise: before ? before.then(open) : open(), thing: undefined, users: 0, onFree: undefined };
      // What could not be opened is tried again by the next call.
      made.promise.then(
        (thing) => {
          made.thing = thing;
        },
        () => {
          if (this.#entries.get(name) === made) this.#entries.delete(name);
        },
      );
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

  /** Closes all, what is in use when that has ended; resolves then. */
  async close() {
    this.#isClosed = true;
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all([
      ...this.#closing.values(),
      ...entries.map(async (entry) => {
        if (entry.users > 0)
          await new Promise((resolve) => {
            entry.onFree = () => resolve(undefined);
          });
        await this.#close(entry);
      }),
    ]);
  }
}

module.exports = { Opened };
