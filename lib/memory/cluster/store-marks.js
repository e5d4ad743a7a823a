// Writes of objects, each once: in front of each in the log stands an intent, its mark and key. Writes of one key come
// one after the other, so after a recovery only the last intent of a key may stand without its write; whether it does,
// the key itself says. A write that was refused takes its intent back. Other writes are noted once they have ended.
// Marks need no disk of their own: whoever asks again has not lived through a power cut.
'use strict';
const { GPUError } = require('../../core');
const { collectionOf, lastRecordOf, Marks, packMark, unpackMark, kinds } = require('../store');

/** @typedef {import('../store').Store} Store */
/** @typedef {import('../store/marks').Mark} Mark */
/** @typedef {Awaited<ReturnType<typeof collectionOf>>} Collection */
/** @typedef {{ sequence: number, mark: Mark, result: number, isDelete: boolean }} Intent */

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
  /** @type {Map<string, Promise<number>>} intents whose writes are under way, by key */
  #intents = new Map();
  /** @type {Map<string, Mark>} of keys whose last intent stands alone in the log */
  #alone = new Map();

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
    /** @type {Map<string, Intent>} the last one of each key, which may stand alone */
    const last = new Map();
    const sequences = [];
    for await (const { sequence, bytes } of records) {
      const intent = readIntent(sequence, bytes);
      const done = unpackMark(bytes, kinds.done);
      if (intent) {
        const before = last.get(intent.key);
        if (before) marks.note(before.mark, before.result);
        last.set(intent.key, intent);
      } else if (done) {
        marks.note(done.mark, done.result);
      } else {
        const key = keyOf(bytes, kinds.refused);
        if (key !== undefined) last.delete(key);
      }
      sequences.push(sequence);
    }
    await Promise.all(
      [...last].map(async ([key, intent]) => {
        if (wasDone(intent, await lastRecordOf(store, key))) marks.note(intent.mark, intent.result);
        else await made.#takeBack(key, intent.mark);
      }),
    );
    for (const sequence of sequences) made.#count(sequence);
    return made;
  }

  /**
   * Says that the key's last intent stands alone. Where there is no room for that, it is said before its next one.
   * @param {string} key
   * @param {Mark} mark
   */
  async #takeBack(key, mark) {
    this.#alone.set(key, mark);
    const record = [packMark(mark, 0, kinds.refused), Buffer.from(key)];
    try {
      await this.#collection.append(record, { durable: false });
      this.#alone.delete(key);
    } catch {
      // A full disk: whoever writes to the key next tries again.
    }
  }

  /**
   * @param {string} key
   * @param {Mark} mark
   * @param {() => Promise<unknown>} put
   * @returns {Promise<number>} 0
   */
  put(key, mark, put) {
    return this.#marks.once(mark, () => this.#inTurn(key, () => this.#intended(kinds.put, key, mark, 0, put)));
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
      if (first === key) return this.#intended(kinds.delete, key, mark, 1, remove);
      await remove(); // of nothing; what was before it is durable then
      return this.#noted(mark, async () => 0);
    };
    return this.#marks.once(mark, () => this.#inTurn(key, removal));
  }

  /**
   * A write with its intent, which goes into the log in front of it.
   * @param {number} kind
   * @param {string} key
   * @param {Mark} mark
   * @param {number} result
   * @param {() => Promise<unknown>} write
   */
  async #intended(kind, key, mark, result, write) {
    const name = Buffer.from(key);
    const alone = this.#alone.get(key);
    if (alone) await this.#takeBack(key, alone);
    const full = new GPUError('ERR_OUT_OF_MEMORY', 'the disk has no room for what a write says of itself');
    const isAlone = this.#alone.has(key);
    if (isAlone && kind === kinds.put) throw full;
    // On a full disk there is none: this owner alone knows of the write, and the next one does it again. A delete goes
    // on, since it makes room.
    const intent = isAlone
      ? Promise.reject(full)
      : this.#collection.append([packMark(mark, result, kind), name], { durable: false });
    const isKept = intent.then(
      () => true,
      () => false,
    );
    this.#intents.set(key, intent);
    try {
      await write();
      this.#marks.note(mark, result);
    } catch (error) {
      if (await isKept) await this.#takeBack(key, mark);
      throw error;
    } finally {
      await isKept;
      this.#intents.delete(key);
    }
    if (await isKept) this.#count(await intent);
    return result;
  }

  /**
   * What is no write of one record; it is noted once it has ended.
   * @param {Mark} mark
   * @param {() => Promise<number>} run
   * @returns {Promise<number>}
   */
  once(mark, run) {
    return this.#marks.once(mark, () => this.#noted(mark, run));
  }

  /**
   * @param {Mark} mark
   * @param {() => Promise<number>} run
   */
  async #noted(mark, run) {
    const result = await run();
    // On a full disk this owner alone knows of it, and the next one does it again, unless a checkpoint has come.
    if (!(await this.#append(mark, result))) this.#marks.note(mark, result);
    return result;
  }

  /**
   * @param {Mark} mark
   * @param {number} result
   * @returns {Promise<boolean>} false: there is no room for it, and a write counts without, too
   */
  async #append(mark, result) {
    try {
      const sequence = await this.#collection.append([packMark(mark, result)], { durable: false });
      this.#marks.note(mark, result);
      this.#count(sequence);
      return true;
    } catch {
      return false;
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
    this.#last = Math.max(this.#last, sequence);
    this.#records += 1;
    if (this.#records < kMostRecords || this.#checkpoint) return;
    this.#checkpoint = this.#take()
      .catch(() => {}) // the disk is full: the next record tries again
      .finally(() => {
        this.#checkpoint = undefined;
      });
  }

  /** A checkpoint up to where no intent stands without its write. */
  async #take() {
    const count = this.#records,
      noted = this.#last;
    const waiting = await Promise.all([...this.#intents.values()].map((each) => each.catch(() => Infinity)));
    const through = Math.min(noted, ...waiting.map((each) => each - 1));
    await this.#collection.checkpoint({ state: { marks: this.#marks.dump() }, files: [], through });
    this.#records -= count;
  }

  /** Before the store is closed. */
  async settle() {
    await Promise.allSettled([...this.#writes.values()]);
    await this.#checkpoint;
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {number} kind
 * @returns {string|undefined} undefined: it is no record of that kind
 */
function keyOf(bytes, kind) {
  const found = unpackMark(bytes, kind);
  return found && Buffer.from(found.rest).toString();
}

/**
 * @param {number} sequence
 * @param {Uint8Array} bytes a record
 * @returns {(Intent & { key: string })|undefined}
 */
function readIntent(sequence, bytes) {
  for (const kind of [kinds.put, kinds.delete]) {
    const found = unpackMark(bytes, kind);
    const key = Buffer.from(found?.rest ?? []).toString();
    if (found) return { sequence, mark: found.mark, result: found.result, isDelete: kind === kinds.delete, key };
  }
  return undefined;
}

/**
 * @param {Intent} intent the last one of its key
 * @param {{ sequence: number, isThere: boolean }|undefined} found the key's last record, where it is known
 */
function wasDone({ sequence, isDelete }, found) {
  if (found && found.sequence > sequence) return true;
  return isDelete && !found?.isThere; // of one that is gone no trace need be left
}

module.exports = { StoreMarks };
