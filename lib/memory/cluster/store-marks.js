// Writes of objects, each once: behind each in the log stands a mark of it, so a mark that is there after a recovery
// says that its write is. A put's is written once the put is done: one that was refused has none. A delete's goes with
// it, since a delete whose mark was lost, while it was not, is done again and finds nothing; a put is the same twice.
// Marks need no disk of their own: whoever asks again has not lived through a power cut.
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
    return this.#marks.once(mark, () =>
      this.#inTurn(key, async () => {
        await put();
        await this.#append(mark, 0);
        return 0;
      }),
    );
  }

  /**
   * @param {string} key
   * @param {Mark} mark
   * @param {() => Promise<unknown>} remove
   * @returns {Promise<number>} 1: it was there
   */
  delete(key, mark, remove) {
    const removal = async () => {
      const [first] = await this.#store.list({ prefix: key, limit: 1 });
      const result = Number(first === key);
      const removed = remove();
      const noted = this.#append(mark, result);
      await removed;
      await noted;
      return result;
    };
    return this.#marks.once(mark, () => this.#inTurn(key, removal));
  }

  /**
   * @param {Mark} mark
   * @param {number} result
   * @returns {Promise<void>} which is never rejected: a write counts without its mark, too
   */
  async #append(mark, result) {
    try {
      const sequence = await this.#collection.append([packMark(mark, result)], { durable: false });
      this.#marks.note(mark, result);
      this.#count(sequence);
    } catch {
      // The disk is full. Asked for again, it is done again.
    }
  }

  /**
   * Behind the writes of the same key that are under way.
   * @param {string} key
   * @param {() => Promise<number>} write
   * @returns {Promise<number>}
   */
  async #inTurn(key, write) {
    const before = this.#writes.get(key) ?? Promise.resolve();
    const mine = before.catch(() => {}).then(write);
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
