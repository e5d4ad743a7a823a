// Writes of an index: checked, in the order of calls, and by way of a journal where there is one.
'use strict';
const { invalid } = require('../../core');
const { checkIds, checkVectors, ownData } = require('./ids');
const { bytesOf } = require('./segment-files');
const { checkMetadata } = require('./metadata');
const { checkObject, checkFlag } = require('./options');
const { offLoop } = require('./off-loop');

/** @typedef {import('../../index').VectorId} Id */
/** @typedef {import('../../addon/vector-calls').NativeVectorTable} Table */
/**
 * `isSmall`: it is done inside its call, if none goes on; `pack`: its record; `write`: id 0: now.
 * @typedef {{ ids: ReadonlyArray<Id>, durable: boolean|undefined, isSmall: boolean, pack: () => Promise<Uint8Array[]>,
 *   write: (id: number) => number, lastOf: (result: number) => number|undefined,
 *   marked: import('./journal').Marked|undefined, admit?: () => void }} Write
 */
/** @typedef {import('../store/marks').Mark} Mark */
/**
 * @typedef {{ list: Id[], rows: import('./ids').Rows, metadata: ReturnType<typeof checkMetadata>,
 *   durable: boolean|undefined }} CheckedPut
 */
/** @typedef {{ list: Id[], durable: boolean|undefined }} CheckedRemoval */

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
    await this.putChecked(checkPut(ids, vectors, options, this.#dimensions, replaces), replaces);
  }

  /**
   * @param {CheckedPut} what
   * @param {boolean} replaces
   * @param {Mark} [mark]
   * @param {() => void} [admit] throws where there is no room for it; of a write that was done before nobody asks
   */
  async putChecked({ list, rows, metadata, durable }, replaces, mark, admit) {
    this.#checkDurable(durable);
    const { count } = rows;
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
      marked: mark && { mark, expect: () => 0 },
      admit,
    });
  }

  /**
   * @param {unknown} ids
   * @param {unknown} options
   */
  async remove(ids, options) {
    return this.removeChecked(checkRemoval(ids, options));
  }

  /**
   * @param {CheckedRemoval} what
   * @param {Mark} [mark]
   */
  async removeChecked({ list, durable }, mark) {
    this.#checkDurable(durable);
    const table = this.#table;
    const isThere = () => table.get(0, [...new Set(list)], false, false).found.reduce((sum, each) => sum + each, 0);
    return this.#commit({
      ids: list,
      durable,
      isSmall: list.length <= kAtOnceIds,
      pack: async () => [new Uint8Array(table.packRemoval(list))],
      write: (id) => table.remove(id, list),
      lastOf: () => undefined,
      marked: mark && { mark, expect: isThere },
    });
  }

  /** @param {boolean|undefined} durable */
  #checkDurable(durable) {
    if (!this.#journal) checkNoStore(durable);
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
  async #commit({ ids, durable, isSmall, pack, write, lastOf, marked, admit }) {
    const apply = () =>
      isSmall ? write(0) : /** @type {Promise<number>} */ (offLoop(/** @type {(id: number) => void} */ (write)));
    if (ids.length === 0) return 0;
    const journal = this.#journal;
    if (journal)
      return journal.marks.once(marked?.mark, async () => {
        admit?.();
        return journal.write(ids, durable, pack, apply, lastOf, marked);
      });
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

/** @param {boolean|undefined} durable */
function checkNoStore(durable) {
  if (durable)
    throw invalid('durable is true, but the index has no store: createIndex({ store, name })', 'options.durable');
}

/** @param {Record<string, unknown>} given */
function durableOf({ durable }) {
  checkFlag(durable, 'durable');
  return /** @type {boolean|undefined} */ (durable);
}

/**
 * The arguments of add() and upsert().
 * @param {unknown} ids
 * @param {unknown} vectors
 * @param {unknown} options
 * @param {number} dimensions
 * @param {boolean} replaces
 * @returns {CheckedPut}
 */
function checkPut(ids, vectors, options, dimensions, replaces) {
  const given = checkObject(options, kOfWrite, replaces ? 'upsert()' : 'add()');
  const durable = durableOf(given);
  const list = checkIds(ids);
  const metadata = checkMetadata(given.metadata, list.length); // whose getters might change the vectors
  const rows = checkVectors(vectors, dimensions, 'vectors');
  if (rows.count !== list.length)
    throw invalid(`vectors has ${rows.count} rows for ${list.length} ids: there must be one for each`, 'vectors');
  return { list, rows, metadata, durable };
}

/**
 * Those of remove().
 * @param {unknown} ids
 * @param {unknown} options
 * @returns {CheckedRemoval}
 */
function checkRemoval(ids, options) {
  const durable = durableOf(checkObject(options, kOfRemove, 'remove()'));
  return { durable, list: checkIds(ids) };
}

module.exports = { Writes, checkNoStore, checkPut, checkRemoval };
