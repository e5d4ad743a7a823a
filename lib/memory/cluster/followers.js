// Who follows the owner of a store, as the owner has them: they are sent each write of an index once it is applied, and
// nobody waits for them. One that does not keep up is cut off, and reads what it has missed in the store's files.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');

/** @typedef {import('./host').StoreHost} StoreHost */
/**
 * A follower's connection.
 * @typedef {{ push: (head: Record<string, unknown>, parts: readonly ArrayBufferView[]) => boolean }} Follower
 */
/**
 * Records of an index; `sizes`: of how many parts each is.
 * @typedef {{ sequences: number[], sizes: number[] }} Records
 */
/** @typedef {import('./host-indexes').Named & { last: number }} Followed `last`: its last record */
/** @typedef {Records & { parts: Uint8Array[], bytes: number }} Waiting */

const kSendMs = 5; // records of so long go together
const kSentBytes = 1 << 20;
const kSentParts = 1 << 12;

class Followers {
  /** @type {Set<Follower>} */
  #followers = new Set();
  /** @type {Map<string, Waiting>} by index */
  #waiting = new Map();
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  /** @type {() => Followed[]} */
  #indexes;

  /** @param {() => Followed[]} indexes those that are open */
  constructor(indexes) {
    this.#indexes = indexes;
  }

  /**
   * @param {StoreHost} host
   * @param {() => Followed[]} indexes those that are open
   */
  static on(host, indexes) {
    const made = new Followers(indexes);
    host.add(
      { follow: async (_call, _parts, { who }) => made.#add(/** @type {Follower} */ (who)) },
      {
        close: async () => clearTimeout(made.#timer),
        leave: (who) => made.#followers.delete(/** @type {Follower} */ (who)),
        news: () => ({}),
      },
    );
    return made;
  }

  /** @param {Follower} follower */
  #add(follower) {
    this.#send(); // what waits is in the answer
    this.#followers.add(follower);
    return { value: this.#indexes() };
  }

  /** @param {Followed} index that is open from now on */
  opened(index) {
    this.#push({ opened: index }, []);
  }

  /** @param {string} closed an index's name */
  closed(closed) {
    this.#push({ closed }, []);
  }

  /**
   * There is a checkpoint, whose files take the place of what a follower has in memory.
   * @param {string} checkpoint an index's name
   */
  checkpoint(checkpoint) {
    this.#push({ checkpoint }, []);
  }

  /**
   * A write was applied.
   * @param {string} index its name
   * @param {number} sequence
   * @param {readonly Uint8Array[]} record
   */
  recorded(index, sequence, record) {
    if (!this.#followers.size) return;
    const bytes = record.reduce((sum, piece) => sum + piece.length, 0);
    if (bytes > kSentBytes) this.#send(); // it goes alone
    const waiting = this.#waiting.get(index) ?? { sequences: [], sizes: [], parts: [], bytes: 0 };
    this.#waiting.set(index, waiting);
    waiting.sequences.push(sequence);
    waiting.sizes.push(record.length);
    waiting.parts.push(...record);
    waiting.bytes += bytes;
    if (waiting.bytes > kSentBytes || waiting.parts.length > kSentParts) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), kSendMs).unref();
  }

  #send() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [index, { sequences, sizes, parts }] of this.#waiting) {
      this.#waiting.delete(index);
      this.#push({ records: { index, sequences, sizes } }, parts);
    }
  }

  /**
   * @param {Record<string, unknown>} head
   * @param {readonly ArrayBufferView[]} parts
   */
  #push(head, parts) {
    for (const follower of this.#followers) if (!follower.push(head, parts)) this.#followers.delete(follower);
  }
}

module.exports = { Followers };
