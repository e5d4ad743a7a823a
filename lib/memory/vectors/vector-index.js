// An index of vectors: exact search over rows that come and go.
'use strict';
const { native } = require('../../addon');
const { GPUClusterManager } = require('../../cluster');
const { createContext, GPUContext } = require('../../context');
const { GPUError, invalid, asGpuError, nowMs, show } = require('../../core');
const { compileFilter } = require('./filter');
const { checkIds, checkVectors } = require('./ids');
const { Journal } = require('./journal');
const { LedSearch, offLoop } = require('./lead-search');
const { Maintenance } = require('./maintenance');
const { readMetadata } = require('./metadata');
const { kMetrics, checkIndexOptions, checkObject, checkPath, checkSearch, checkRange } = require('./options');
const { ownerOf } = require('./owner');
const { saveIndex, loadIndex } = require('./saved');
const { Searches } = require('./searches');
const { Segments } = require('./segments');
const { Writes } = require('./writes');

/** @typedef {import('../../index').VectorId} Id */
/** @typedef {import('../../index').SearchResult} SearchResult */
/** @typedef {import('../../index').SearchResults} SearchResults */
/** @typedef {import('./options').Asked} Asked */
/** @typedef {import('./owner').Owner} Owner */

const kOfLoad = new Set(['on']);
const kSegmentBytes = 16 << 20; // of the segment that takes writes
const kScanned = 2 << 20; // multiplications that a search does itself, sooner than by a job
const kPlannedRows = 4096; // a filter over so many is done before another thread would have it

class VectorIndex {
  #options;
  /** @type {Owner} */
  #owner;
  #table;
  #segments;
  #maintenance;
  #writes;
  #searches;
  /** @type {Set<Promise<unknown>>} */
  #calls = new Set();
  /** @type {Promise<void>|undefined} */
  #closed;
  #seals = 0;
  /** @type {Journal|undefined} of one that lies in a store */
  #journal;
  #onClosed;

  /**
   * @param {Owner} owner
   * @param {{ dimensions: number, metric: import('../../index').Metric, dtype: import('../../index').IndexDType }} options
   * @param {{ segmentBytes?: number, scanned?: number }} [limits] src/vectors/table.h's
   * @param {{ collection: import('./journal').Collection, onClosed?: () => void }} [place] in a store: recover() is to
   *   follow
   */
  constructor(owner, options, { segmentBytes = kSegmentBytes, scanned = kScanned } = {}, place = undefined) {
    const { dimensions, metric, dtype } = options;
    this.#owner = owner;
    this.#options = options;
    this.#table = new native.VectorTable(dimensions, kMetrics.indexOf(metric), segmentBytes, scanned);
    this.#segments = new Segments(this.#table, owner, dimensions, dtype);
    const what = { dimensions, metric };
    this.#journal = place && new Journal(place.collection, this.#table, this.#segments, what);
    this.#onClosed = place?.onClosed;
    this.#searches = new Searches((data, count, asked) => this.#run(data, count, asked), owner.width);
    this.#writes = new Writes(this.#table, dimensions, this.#journal);
    this.#maintenance = new Maintenance(this.#table, this.#segments, this.#journal);
  }

  /**
   * Reads what its collection has.
   * @param {VectorIndex} index
   */
  static async recover(index) {
    try {
      await index.#journal?.recover();
    } catch (error) {
      await index.close();
      throw asGpuError(error);
    }
    index.#maintenance.wake();
    return index;
  }

  get dimensions() {
    return this.#options.dimensions;
  }

  get metric() {
    return this.#options.metric;
  }

  get dtype() {
    return this.#options.dtype;
  }

  /** How many vectors there are. */
  get size() {
    return this.#closed ? 0 : this.#table.size();
  }

  /** Whether close() was called. */
  get closed() {
    return this.#closed !== undefined;
  }

  /**
   * Adds vectors, all or none.
   * @param {unknown} ids
   * @param {unknown} vectors
   * @param {unknown} [options] metadata, durable
   * @returns {Promise<void>}
   */
  add(ids, vectors, options) {
    return this.#call(() => this.#put(ids, vectors, options, false));
  }

  /**
   * Adds vectors, all or none, in the place of those that have their ids.
   * @param {unknown} ids
   * @param {unknown} vectors
   * @param {unknown} [options] metadata, durable
   * @returns {Promise<void>}
   */
  upsert(ids, vectors, options) {
    return this.#call(() => this.#put(ids, vectors, options, true));
  }

  /**
   * Removes vectors; ids that are not there are passed over.
   * @param {unknown} ids
   * @param {unknown} [options] durable
   * @returns {Promise<number>} how many were there
   */
  remove(ids, options) {
    return this.#call(async () => {
      const count = await this.#writes.remove(ids, options);
      this.#maintenance.wake();
      return count;
    });
  }

  /**
   * The vectors and metadata of ids.
   * @param {unknown} ids
   * @returns {Promise<{ vectors: import('../../index').Tensor<Float32Array>, metadata: (object|undefined)[] }>}
   */
  get(ids) {
    return this.#call(async () => {
      const list = checkIds(ids);
      const { found, vectors, metadata } = this.#table.get(list, true, true);
      const missing = found.indexOf(0);
      if (missing >= 0)
        throw new GPUError('ERR_NOT_FOUND', `ids: ${show(list[missing])}, at ${missing}, is not in the index`);
      const length = list.length * this.dimensions;
      return {
        vectors: {
          data: new Float32Array(/** @type {ArrayBuffer} */ (vectors), 0, length),
          shape: [list.length, this.dimensions],
          dtype: 'float32',
        },
        metadata: Array.from({ length: list.length }, (_, i) => readMetadata(metadata?.[i])),
      };
    });
  }

  /**
   * Whether there is a vector with an id.
   * @param {unknown} id
   * @returns {Promise<boolean>}
   */
  has(id) {
    return this.#call(async () => this.#table.get(checkIds([id], 'id'), false, false).found[0] === 1);
  }

  /**
   * The nearest vectors of each query, exactly.
   * @param {unknown} queries
   * @param {unknown} [options]
   * @returns {Promise<SearchResult|SearchResults>}
   */
  search(queries, options) {
    return this.#call(() => this.#search(queries, checkSearch(options, this.#owner.isContext)));
  }

  /**
   * All vectors within a distance of each query.
   * @param {unknown} queries
   * @param {unknown} options
   * @returns {Promise<SearchResult|SearchResults>}
   */
  range(queries, options) {
    return this.#call(() => this.#search(queries, checkRange(options, this.#owner.isContext)));
  }

  /** What the index is made of. */
  stats() {
    this.#checkOpen();
    const segments = this.#table.segments().map(({ name, rows, live, isSealed, bytes }) => {
      const { isCoded, isPlaced } = this.#segments.stateOf(name);
      return { rows, live, sealed: isSealed, coded: isCoded, placed: isPlaced, bytes };
    });
    const { problem, merges } = this.#maintenance;
    return {
      size: this.#table.size(),
      dimensions: this.dimensions,
      metric: this.metric,
      dtype: this.dtype,
      segments,
      memory: {
        segments: segments.reduce((sum, { bytes }) => sum + bytes, 0),
        ids: this.#table.mapBytes(),
      },
      merges,
      ...(problem !== undefined && { problem }),
    };
  }

  /**
   * Merges all segments, without the rows that were removed.
   * @returns {Promise<void>}
   */
  compact() {
    return this.#call(() => this.#maintenance.compact());
  }

  /**
   * Writes the index, as it is now, into one file, which is there whole or not at all.
   * @param {unknown} path
   * @returns {Promise<void>}
   */
  save(path) {
    return this.#call(async () => {
      const target = checkPath(path);
      const { handle, segments } = this.#table.snapshot();
      const held = segments.map(({ name, isSealed }) => this.#segments.enter(name, isSealed));
      try {
        const { dimensions, metric, dtype } = this;
        const views = segments.map(({ rows }, i) => ({ rows, data: held[i].rows.subarray(0, rows * dimensions) }));
        await saveIndex(target, this.#table, { handle, segments: views }, { dimensions, metric, dtype });
      } finally {
        for (const each of held) this.#segments.leave(each);
      }
    });
  }

  /**
   * Reads an index that save() has written.
   * @param {unknown} path
   * @param {unknown} [options] { on: a manager or a context }
   * @returns {Promise<VectorIndex>}
   */
  static async load(path, options) {
    const { on } = checkObject(options, kOfLoad, 'load()');
    if (on !== undefined && !(on instanceof GPUClusterManager || on instanceof GPUContext))
      throw invalid(`on is ${show(on)}, but must be a manager or a context`, 'options.on');
    const source = checkPath(path);
    const owner = on ? ownerOf(on) : ownerOf(await createContext(), true);
    /** @type {VectorIndex|undefined} */
    let index;
    try {
      owner.checkOpen();
      index = await loadIndex(source, VectorIndex.adopt, ({ dimensions, metric, dtype }) => {
        return new VectorIndex(owner, checkIndexOptions({ dimensions, metric, dtype }));
      });
    } catch (error) {
      await owner.close?.();
      throw asGpuError(error);
    }
    index.#maintenance.wake();
    return index;
  }

  /**
   * For loadIndex(): a segment behind the others.
   * @param {VectorIndex} index
   * @param {Float32Array} rows
   * @param {Uint8Array} rest
   */
  static async adopt(index, rows, rest) {
    const name = /** @type {number} */ (await offLoop((id) => index.#table.adopt(id, rows, rest)));
    index.#segments.adopt(name, rows);
  }

  /**
   * No new calls; those that run end first.
   * @returns {Promise<void>}
   */
  close() {
    this.#closed ??= Promise.allSettled([...this.#calls]).then(async () => {
      await this.#journal?.settle();
      await this.#maintenance.end();
      this.#segments.keep(new Set());
      this.#onClosed?.();
      await this.#owner.close?.();
    });
    return this.#closed;
  }

  /**
   * As close(), for `await using`.
   * @returns {Promise<void>}
   */
  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  // ---- inside

  /**
   * @template Result
   * @param {() => Promise<Result>} run
   * @returns {Promise<Result>}
   */
  async #call(run) {
    this.#checkOpen();
    const call = run();
    this.#calls.add(call);
    try {
      return await call;
    } catch (error) {
      throw asGpuError(error);
    } finally {
      this.#calls.delete(call);
    }
  }

  #checkOpen() {
    if (this.#closed) throw new GPUError('ERR_CLOSED', 'the index is closed');
    this.#owner.checkOpen();
  }

  /**
   * @param {unknown} ids
   * @param {unknown} vectors
   * @param {unknown} options
   * @param {boolean} replaces
   */
  async #put(ids, vectors, options, replaces) {
    await this.#writes.put(ids, vectors, options, replaces);
    const seals = this.#table.seals();
    if (seals === this.#seals && !replaces && !this.#journal?.isLong) return;
    this.#seals = seals;
    this.#maintenance.wake();
  }

  /**
   * @param {unknown} queries
   * @param {import('./options').Given} given
   * @returns {Promise<SearchResult|SearchResults>}
   */
  async #search(queries, given) {
    const { data, count, isOne } = checkVectors(queries, this.dimensions, 'queries');
    const ids = given.ids === undefined ? undefined : checkIds(given.ids, 'options.ids');
    const asked = { ...given, filter: compileFilter(given.filter), ids };
    const all = await this.#searches.add({ data, count, asked });
    if (!isOne) return all;
    const { explain, ...lists } = all;
    const first = Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list[0]]));
    return /** @type {SearchResult} */ (explain ? { ...first, explain } : first);
  }

  /**
   * @param {Float32Array} data
   * @param {number} count
   * @param {Asked} asked
   * @returns {Promise<SearchResults>}
   */
  async #run(data, count, asked) {
    const began = nowMs();
    const { k, isRange, threshold, approximate, filter, ids } = asked;
    const { dimensions, metric } = this;
    const table = this.#table;
    const isCoded = this.dtype !== 'float32';
    const search = new native.VectorSearch(
      table,
      data,
      count,
      k,
      isRange,
      threshold,
      approximate,
      isCoded,
      filter,
      ids,
    );
    const led = new LedSearch(search, this.#segments, this.#owner, { queries: data, dimensions, metric });
    const plansLong = (filter !== undefined || ids !== undefined) && this.#table.size() > kPlannedRows;
    await led.run(plansLong, asked.job);
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
}

module.exports = { VectorIndex };
