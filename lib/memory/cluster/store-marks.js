// Writes of objects, each once: behind each in the log stands a mark of it, so a mark that is there after a recovery
// says that its write is. A write whose mark was lost, while the write was not, is done again: that changes nothing but
// what a delete answers. Marks need no disk of their own: whoever asks again has not lived through a power cut.
'use strict';
const { collectionOf, Marks, packMark, unpackMark } = require('../store');

/** @typedef {import('../store').Store} Store */
/** @typedef {import('../store/marks').Mark} Mark */
/** @typedef {Awaited<ReturnType<typeof collectionOf>>} Collection */

const kCollection = 'cluster/marks';
const kMostRecords = 4096; // before a checkpoint takes their place

class StoreMarks {
  #store;
  #collection;
  #marks;
  #records = 0;
  #last = 0; // the last mark's sequence
  /** @type {Promise<unknown>|undefined} */
  #checkpoint;
  /** @type {Map<string, Promise<unknown>>} the last write under way, by key */
  #writes = new Map();

  /**
   * @param {Store} store
   * @param {Collection} collection
   * @param {Marks} marks
   */
  constructor(store, collection, marks) {
    this.#store = store;
    this.#collection = collection;
    this.#marks = marks;
  }

  /** @param {Store} store */
  static async of(store) {
    const collection = await collectionOf(store, kCollection);
    const { state, records } = await collection.recover();
    const marks = new Marks(/** @type {{ marks?: unknown }|undefined} */ (state)?.marks);
    const made = new StoreMarks(store, collection, marks);
    for await (const { sequence, bytes } of records) {
      const { mark, result } = unpackMark(bytes) ?? {};
      if (mark) marks.note(mark, Number(result));
      made.#count(sequence);
    }
    return made;
  }

  /**
   * @param {string} key
   * @param {Mark} mark
   * @param {() => Promise<unknown>} put
   * @returns {Promise<number>}
   */
  put(key, mark, put) {
    return this.#marks.once(mark, () => this.#write(key, mark, async () => 0, put));
  }

  /**
   * @param {string} key
   * @param {Mark} mark
   * @param {() => Promise<unknown>} remove
   * @returns {Promise<number>} 1: it was there
   */
  delete(key, mark, remove) {
    const isThere = async () => Number((await this.#store.list({ prefix: key, limit: 1 }))[0] === key);
    return this.#marks.once(mark, () => this.#write(key, mark, isThere, remove));
  }

  /**
   * @param {string} key
   * @param {Mark} mark
   * @param {() => Promise<number>} expect the result
   * @param {() => Promise<unknown>} write
   * @returns {Promise<number>}
   */
  async #write(key, mark, expect, write) {
    const before = this.#writes.get(key);
    const mine = (async () => {
      await before?.catch(() => {});
      const result = await expect();
      const written = write();
      const noted = this.#collection.append([packMark(mark, result)], { durable: false }).then((sequence) => {
        this.#marks.note(mark, result);
        this.#count(sequence);
      });
      noted.catch(() => {}); // the write's own error is the one that counts
      await written;
      await noted;
      return result;
    })();
    this.#writes.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#writes.get(key) === mine) this.#writes.delete(key);
    }
  }

  /** @param {number} sequence of one more record; they are noted in their order */
  #count(sequence) {
    this.#last = sequence;
    this.#records += 1;
    if (this.#records < kMostRecords || this.#checkpoint) return;
    const done = this.#records;
    this.#checkpoint = this.#collection
      .checkpoint({ state: { marks: this.#marks.dump() }, files: [], through: this.#last })
      .then(() => {
        this.#records -= done;
      })
      .catch(() => {}) // the disk is full: the next record tries again
      .finally(() => {
        this.#checkpoint = undefined;
      });
  }

  /** Before the store is closed. */
  async settle() {
    await Promise.allSettled([...this.#writes.values()]);
    await this.#checkpoint;
  }
}

module.exports = { StoreMarks };
