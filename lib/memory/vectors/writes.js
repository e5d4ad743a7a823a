// Writes of an index: checked, in the order of calls, and by way of a journal where there is one.
'use strict';
const { invalid } = require('../../core');
const { checkIds, checkVectors, ownData } = require('./ids');
const { bytesOf } = require('./journal');
const { checkMetadata } = require('./metadata');
const { checkObject, checkFlag } = require('./options');
const { offLoop } = require('./off-loop');

/** @typedef {import('../../index').VectorId} Id */
/** @typedef {import('../../addon/vector-calls').NativeVectorTable} Table */
/**
 * `isSmall`: it is done inside its call, if none goes on; `pack`: its record; `write`: id 0: now.
 * @typedef {{ ids: ReadonlyArray<Id>, durable: boolean|undefined, isSmall: boolean, pack: () => Promise<Uint8Array[]>,
 *   write: (id: number) => number, lastOf: (result: number) => number|undefined }} Write
 */

const kOfWrite = new Set(['metadata', 'durable']);
const kOfRemove = new Set(['durable']);
const kAtOnceBytes = 1 << 20; // of rows that a call writes inside of itself
const kAtOnceIds = 4096;

class Writes {
  #table;
  #journal;
  #dimensions;
  /** @type {Promise<unknown>|undefined} the last write that goes on */
  #last;

  /**
   * @param {Table} table
   * @param {number} dimensions
   * @param {import('./journal').Journal|undefined} journal
   */
  constructor(table, dimensions, journal) {
    this.#table = table;
    this.#dimensions = dimensions;
    this.#journal = journal;
  }

  /**
   * @param {unknown} ids
   * @param {unknown} vectors
   * @param {unknown} options
   * @param {boolean} replaces
   */
  async put(ids, vectors, options, replaces) {
    const given = checkObject(options, kOfWrite, replaces ? 'upsert()' : 'add()');
    const durable = this.#checkDurable(given);
    const list = checkIds(ids);
    const metadata = checkMetadata(given.metadata, list.length); // whose getters might change the vectors
    const rows = checkVectors(vectors, this.#dimensions, 'vectors');
    const { count } = rows;
    if (count !== list.length)
      throw invalid(`vectors has ${count} rows for ${list.length} ids: there must be one for each`, 'vectors');
    const isSmall = rows.data.byteLength <= kAtOnceBytes && count <= kAtOnceIds;
    // What is recorded, what is applied and what was checked are the same bytes, whatever the caller does meanwhile.
    const data = this.#isNow(isSmall) ? rows.data : ownData(rows);
    const table = this.#table;
    await this.#commit({
      ids: list,
      durable,
      isSmall,
      pack: async () => {
        const pack = (/** @type {number} */ id) => table.packWrite(id, list, data, metadata, replaces);
        const packed = isSmall ? pack(0) : /** @type {ArrayBuffer} */ (await offLoop(pack));
        return [new Uint8Array(packed), bytesOf(data)];
      },
      write: (id) => table.append(id, list, data, metadata, replaces),
      lastOf: (first) => first + count - 1,
    });
  }

  /**
   * @param {unknown} ids
   * @param {unknown} options
   */
  async remove(ids, options) {
    const durable = this.#checkDurable(checkObject(options, kOfRemove, 'remove()'));
    const list = checkIds(ids);
    const table = this.#table;
    return this.#commit({
      ids: list,
      durable,
      isSmall: list.length <= kAtOnceIds,
      pack: async () => [new Uint8Array(table.packRemoval(list))],
      write: (id) => table.remove(id, list),
      lastOf: () => undefined,
    });
  }

  /** @param {Record<string, unknown>} given */
  #checkDurable({ durable }) {
    if (checkFlag(durable, 'durable') && !this.#journal)
      throw invalid('durable is true, but the index has no store: createIndex({ store, name })', 'options.durable');
    return /** @type {boolean|undefined} */ (durable);
  }

  /**
   * Whether a write that begins now is over when its call returns.
   * @param {boolean} isSmall
   */
  #isNow(isSmall) {
    return isSmall && !this.#journal && !this.#last;
  }

  /**
   * @param {Write} what
   * @returns {Promise<number>}
   */
  async #commit({ ids, durable, isSmall, pack, write, lastOf }) {
    const apply = () =>
      isSmall ? write(0) : /** @type {Promise<number>} */ (offLoop(/** @type {(id: number) => void} */ (write)));
    if (ids.length === 0) return 0;
    if (this.#journal) return this.#journal.write(ids, durable, pack, apply, lastOf);
    if (this.#isNow(isSmall)) return apply();
    const before = this.#last;
    const mine = (async () => {
      await before?.catch(() => {});
      return apply();
    })();
    this.#last = mine;
    try {
      return await mine;
    } finally {
      if (this.#last === mine) this.#last = undefined;
    }
  }
}

module.exports = { Writes };
