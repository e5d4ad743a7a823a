// What an index consists of, and what its calls do: the table with its segments, writes, searches, what goes on behind
// them, and its journal where it lies in a store.
'use strict';
const { native } = require('../../addon');
const { GPUError, show } = require('../../core');
const { compileFilter } = require('./filter');
const { checkIds, checkVectors, ownData } = require('./ids');
const { Journal } = require('./journal');
const { KeptSearches } = require('./kept-searches');
const { LedSearch } = require('./lead-search');
const { Maintenance } = require('./maintenance');
const { readMetadata } = require('./metadata');
const { offLoop } = require('./off-loop');
const { kMetrics } = require('./options');
const { saveIndex } = require('./saved');
const { Searches } = require('./searches');
const { Segments } = require('./segments');
const { Writes } = require('./writes');

/** @typedef {import('../../index').SearchResult} SearchResult */
/** @typedef {import('../../index').SearchResults} SearchResults */
/** @typedef {import('./options').Asked} Asked */
/** @typedef {import('./owner').Owner} Owner */
/**
 * @typedef {{ dimensions: number, metric: import('../../index').Metric, dtype: import('../../index').IndexDType }} Kind
 */
/** @typedef {{ segmentBytes?: number, scanned?: number }} Limits src/vectors/table.h's */
/**
 * In a store; `disk`: where that has a limit; `isShared`: with other processes, whose writes have marks.
 * @typedef {{ collection: import('./journal').Collection, disk?: import('../../pressure/tier').Tier,
 *   onClosed?: () => void, isShared?: boolean }} Place
 */

const kSegmentBytes = 16 << 20; // of the segment that takes writes
const kScanned = 2 << 20; // multiplications that a search does itself, sooner than by a job
const kGot = 2 ** 17; // numbers: that many are copied before another thread would be awake
const kPlannedRows = 4096; // a filter over so many is done before another thread would have it

class IndexCore {
  #table;
  #segments;
  #maintenance;
  #writes;
  #searches;
  #kept;
  #journal;
  #onClosed;
  #disk;
  #leaveTiers;
  #seals = 0;
  #follows = false; // another process, which writes
  // What it has is not yet where the contexts of other processes can read it: a job there would be a copy of all of it,
  // so one after the other runs on the context of this process.
  #isSettling = false;

  /**
   * @param {Owner} owner
   * @param {Kind & { pinned?: boolean }} kind
   * @param {Limits} limits
   * @param {Place|undefined} place
   */
  constructor(owner, kind, { segmentBytes = kSegmentBytes, scanned = kScanned }, place) {
    const { dimensions, metric, dtype, pinned } = kind;
    this.kind = Object.freeze({ dimensions, metric, dtype });
    this.owner = owner;
    this.#table = new native.VectorTable(dimensions, kMetrics.indexOf(metric), segmentBytes, scanned);
    this.#segments = new Segments(this.#table, owner, dimensions, dtype, pinned);
    this.#journal =
      place && new Journal(place.collection, this.#table, this.#segments, { dimensions, metric }, place.isShared);
    this.#onClosed = place?.onClosed;
    this.#kept = new KeptSearches(owner.kept);
    this.#searches = new Searches(
      (data, count, asked, began) => this.#run(data, count, asked, began),
      () => (this.#isSettling ? 1 : owner.width()),
    );
    this.#writes = new Writes(this.#table, dimensions, this.#journal);
    this.#maintenance = new Maintenance(this.#table, this.#segments, this.#journal);
    this.#segments.onWanted = () => this.#maintenance.wake();
    this.#maintenance.onPlaced = () => {
      this.#isSettling = false;
    };
    this.#disk = place?.disk;
    this.#leaveTiers = owner.tiers.join({
      disk: this.#disk,
      toFiles: () => this.#follows || this.#maintenance.toFiles(),
      clean: (of, room) => this.#follows || this.#maintenance.clean(of, room),
    });
  }

  get size() {
    return this.#table.size();
  }

  /** Reads what its collection has. */
  async recover() {
    await this.#journal?.recover();
    this.#begin();
  }

  #begin() {
    this.#isSettling = this.#journal !== undefined && !this.owner.isContext && this.owner.places();
    this.#maintenance.wake();
  }

  /**
   * What another process goes on to write: read up to there, and told of the rest. Nothing is written, merged or placed
   * until takeOver().
   * @param {number} upTo the last record
   * @param {ReadonlySet<string>} checked files that this process has checked before
   */
  async follow(upTo, checked) {
    this.#follows = true;
    await this.journal.recover(upTo, checked);
    // A search would wait for it, after a takeover.
    for (const { name, isSealed } of this.#table.segments()) {
      if (!isSealed) continue;
      const held = this.#segments.enter(name, true);
      await this.#segments.check(held).finally(() => this.#segments.leave(held));
    }
  }

  /** Its journal, for who follows, or is followed. */
  get journal() {
    return /** @type {Journal} */ (this.#journal);
  }

  /**
   * The process that was followed has ended, and this one goes on.
   * @param {import('./journal').Collection} collection
   * @returns {Promise<boolean>} false: it must be recovered
   */
  async takeOver(collection) {
    if (!(await this.journal.takeOver(collection))) return false;
    this.#follows = false;
    this.#begin();
    return true;
  }

  /** @param {() => void} then called when what goes on behind writes may have changed stats() */
  set onUpkeep(then) {
    this.#maintenance.onTurn = then;
  }

  /** What there is to do behind a load. */
  wake() {
    this.#maintenance.wake();
  }

  /**
   * A stored segment, behind the others.
   * @param {Float32Array} rows
   * @param {Uint8Array} rest
   */
  async adopt(rows, rest) {
    const name = /** @type {number} */ (await offLoop((id) => this.#table.adopt(id, rows, rest)));
    this.#segments.adopt(name, rows, true);
  }

  /**
   * @param {unknown} ids
   * @param {unknown} vectors
   * @param {unknown} options
   * @param {boolean} replaces
   */
  async put(ids, vectors, options, replaces) {
    this.owner.tiers.checkWrite('the index', this.#disk);
    await this.#writes.put(ids, vectors, options, replaces).finally(() => this.#kept.changed());
    this.#onPut(replaces);
  }

  /**
   * @param {import('./writes').CheckedPut} what
   * @param {boolean} replaces
   * @param {import('./writes').Mark} mark of a write that may be asked for again
   */
  async putChecked(what, replaces, mark) {
    const admit = () => this.owner.tiers.checkWrite('the index', this.#disk);
    await this.#writes.putChecked(what, replaces, mark, admit).finally(() => this.#kept.changed());
    this.#onPut(replaces);
  }

  /** @param {boolean} replaces */
  #onPut(replaces) {
    const seals = this.#table.seals();
    if (seals === this.#seals && !replaces && !this.#journal?.isLong) return;
    this.#seals = seals;
    this.#maintenance.wake();
  }

  /**
   * @param {unknown} ids
   * @param {unknown} options
   */
  async remove(ids, options) {
    const count = await this.#writes.remove(ids, options).finally(() => this.#kept.changed());
    this.#maintenance.wake();
    return count;
  }

  /**
   * @param {import('./writes').CheckedRemoval} what
   * @param {import('./writes').Mark} mark
   */
  async removeChecked(what, mark) {
    const count = await this.#writes.removeChecked(what, mark).finally(() => this.#kept.changed());
    this.#maintenance.wake();
    return count;
  }

  /** @param {unknown} id */
  has(id) {
    return this.#table.get(0, checkIds([id], 'id'), false, false).found[0] === 1;
  }

  /**
   * @param {unknown} ids
   * @returns {Promise<{ vectors: import('../../index').Tensor<Float32Array>,
   *   metadata: (Record<string, unknown>|undefined)[] }>}
   */
  async get(ids) {
    const list = checkIds(ids);
    const { dimensions } = this.kind;
    const isSmall = list.length * dimensions <= kGot && this.#table.segments().every(({ isChecked }) => isChecked);
    /** @type {ReturnType<import('../../addon/vector-calls').NativeVectorTable['get']>} */
    const { found, vectors, metadata } = isSmall
      ? this.#table.get(0, list, true, true)
      : await offLoop((id) => this.#table.get(id, list, true, true));
    const missing = found.indexOf(0);
    if (missing >= 0)
      throw new GPUError('ERR_NOT_FOUND', `ids: ${show(list[missing])}, at ${missing}, is not in the index`);
    const data = new Float32Array(/** @type {ArrayBuffer} */ (vectors), 0, list.length * dimensions);
    return {
      vectors: { data, shape: [list.length, dimensions], dtype: 'float32' },
      metadata: Array.from({ length: list.length }, (_, i) => readMetadata(metadata?.[i])),
    };
  }

  /**
   * @param {unknown} queries
   * @param {import('./options').Given} given
   * @returns {Promise<SearchResult|SearchResults>}
   */
  async search(queries, given) {
    const ids = given.ids === undefined ? undefined : checkIds(given.ids, 'options.ids');
    const asked = { ...given, filter: compileFilter(given.filter), ids };
    const rows = checkVectors(queries, this.kind.dimensions, 'queries');
    const { count, isOne } = rows;
    // A copy: it is read when its turn comes, and again by each job.
    const data = ownData(rows);
    native.checkQueries(data, this.kind.dimensions); // before others' searches become one with it
    const all = await this.#kept.answer(data, asked, (plain) => this.#searches.add({ data, count, asked: plain }));
    return isOne ? firstOf(all) : all;
  }

  /**
   * @param {Float32Array} data
   * @param {number} count
   * @param {Asked} asked
   * @param {number} began when it was called
   * @returns {Promise<SearchResults>}
   */
  async #run(data, count, asked, began) {
    const { k, isRange, threshold, approximate, filter, ids } = asked;
    const { dimensions, metric, dtype } = this.kind;
    const search = new native.VectorSearch(
      this.#table,
      data,
      count,
      k,
      isRange,
      threshold,
      approximate,
      dtype !== 'float32',
      filter,
      ids,
      asked.includeMetadata,
    );
    const led = new LedSearch(search, this.#segments, this.owner, { queries: data, dimensions, metric });
    const plansLong = (filter !== undefined || ids !== undefined) && this.#table.size() > kPlannedRows;
    await led.run(plansLong, asked.job, began, this.#isSettling);
    const { ids: found, scores, vectors, metadata } = search.result(asked.includeVectors, asked.includeMetadata);
    /** @type {SearchResults} */
    const results = { ids: found, scores };
    if (vectors)
      results.vectors = vectors.map((buffer, i) => {
        const rows = found[i].length;
        return { data: new Float32Array(buffer, 0, rows * dimensions), shape: [rows, dimensions], dtype: 'float32' };
      });
    if (metadata) results.metadata = metadata.map((texts, i) => found[i].map((_, hit) => readMetadata(texts[hit])));
    if (asked.explain) results.explain = led.explain(began);
    return results;
  }

  stats() {
    const segments = this.#table.segments().map(({ name, rows, live, isSealed, bytes }) => {
      const { isCoded, isPlaced, isMapped } = this.#segments.stateOf(name);
      return { rows, live, sealed: isSealed, coded: isCoded, placed: isPlaced, mapped: isMapped, bytes };
    });
    const memory = { segments: segments.reduce((sum, { bytes }) => sum + bytes, 0), ids: this.#table.mapBytes() };
    const { problem, merges } = this.#maintenance;
    const tiers = this.owner.tiers.statuses(this.#disk);
    const stats = { size: this.size, ...this.kind, segments, memory, tiers, merges };
    return { ...stats, ...(problem !== undefined && { problem }) };
  }

  compact() {
    return this.#maintenance.compact();
  }

  /** @param {string} target */
  async save(target) {
    const { handle, segments } = this.#table.snapshot();
    const held = segments.map(({ name, isSealed }) => this.#segments.enter(name, isSealed));
    try {
      const { dimensions } = this.kind;
      for (const each of held) await this.#segments.check(each);
      const views = segments.map(({ rows }, i) => ({ rows, data: held[i].rows.subarray(0, rows * dimensions) }));
      await saveIndex(target, this.#table, { handle, segments: views }, this.kind);
    } finally {
      for (const each of held) this.#segments.leave(each);
    }
  }

  /** Once no call is under way. */
  async close() {
    this.#leaveTiers();
    await this.#journal?.settle();
    await this.#searches.settled();
    await this.#maintenance.end();
    this.#segments.keep(new Set());
    this.#onClosed?.();
    await this.owner.close?.();
  }
}

/**
 * What one query has found, of a call that gave no list of them.
 * @param {SearchResults} all
 * @returns {SearchResult}
 */
function firstOf({ explain, ...lists }) {
  const first = Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list[0]]));
  return /** @type {SearchResult} */ (/** @type {unknown} */ (explain ? { ...first, explain } : first));
}

module.exports = { IndexCore, firstOf };
