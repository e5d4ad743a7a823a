// An index of vectors: exact search over rows that come and go.
'use strict';
const { native } = require('../../addon');
const { GPUClusterManager } = require('../../cluster');
const { createContext, GPUContext } = require('../../context');
const { GPUError, invalid, asGpuError, nowMs, show } = require('../../core');
const { compileFilter } = require('./filter');
const { checkIds, checkVectors } = require('./ids');
const { Journal, bytesOf } = require('./journal');
const { LedSearch, offLoop } = require('./lead-search');
const { Maintenance } = require('./maintenance');
const { checkMetadata, readMetadata } = require('./metadata');
const { kMetrics, checkIndexOptions, checkObject, checkFlag, checkPath, checkSearch, checkRange } = require('./options');
const { ownerOf } = require('./owner');
const { saveIndex, loadIndex } = require('./saved');
const { Segments } = require('./segments');

/** @typedef {import('../../index').VectorId} Id */
/** @typedef {import('../../index').SearchResult} SearchResult */
/** @typedef {import('../../index').SearchResults} SearchResults */
/** @typedef {import('./options').Asked} Asked */
/** @typedef {import('./owner').Owner} Owner */

const kOfWrite = new Set(['metadata', 'durable']);
const kOfLoad = new Set(['on']);
const kOfRemove = new Set(['durable']);
const kSegmentBytes = 16 << 20; // of the segment that takes writes
const kScanned = 2 << 20; // multiplications that a search does itself, sooner than by a job
const kAtOnceBytes = 1 << 20; // of rows that a call writes inside of itself
const kAtOnceIds = 4096;
const kPlannedRows = 4096; // a filter over so many is done before another thread would have it

class VectorIndex {
  #options;
  /** @type {Owner} */
  #owner;
  #table;
  #segments;
  #maintenance;
  /** @type {Promise<unknown>|undefined} the last write that goes on */
  #writing;
  /** @type {Set<Promise<unknown>>} */
  #calls = new Set();
  /** @type {Promise<void>|undefined} */
  #closed;
  #seals = 0;
  /** @type {Journal|undefined} of one that lies in a store */
  #journal;

  /**
   * @param {Owner} owner
   * @param {{ dimensions: number, metric: import('../../index').Metric, dtype: import('../../index').IndexDType }} options
   * @param {{ segmentBytes?: number, scanned?: number }} [limits] src/vectors/table.h's
   * @param {import('./journal').Collection} [collection] of a store: recover() is to follow
   */
  constructor(owner, options, { segmentBytes = kSegmentBytes, scanned = kScanned } = {}, collection = undefined) {
    const { dimensions, metric, dtype } = options;
    this.#owner = owner;
    this.#options = options;
    this.#table = new native.VectorTable(dimensions, kMetrics.indexOf(metric), segmentBytes, scanned);
    this.#segments = new Segments(this.#table, owner, dimensions, dtype);
    this.#journal = collection && new Journal(collection, this.#table, this.#segments, { dimensions, metric });
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
    return this.#call(() => this.#write(ids, vectors, options, false));
  }

  /**
   * Adds vectors, all or none, in the place of those that have their ids.
   * @param {unknown} ids
   * @param {unknown} vectors
   * @param {unknown} [options] metadata, durable
   * @returns {Promise<void>}
   */
  upsert(ids, vectors, options) {
    return this.#call(() => this.#write(ids, vectors, options, true));
  }

  /**
   * Removes vectors; ids that are not there are passed over.
   * @param {unknown} ids
   * @param {unknown} [options] durable
   * @returns {Promise<number>} how many were there
   */
  remove(ids, options) {
    return this.#call(async () => {
      const durable = this.#checkDurable(checkObject(options, kOfRemove, 'remove()'));
      const list = checkIds(ids);
      const pack = () => [new Uint8Array(this.#table.packRemoval(list))];
      const isSmall = list.length <= kAtOnceIds;
      const count = await this.#commit({ ids: list, durable, isSmall, pack }, (id) => this.#table.remove(id, list));
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

  /** @param {Record<string, unknown>} given */
  #checkDurable({ durable }) {
    if (checkFlag(durable, 'durable') && !this.#journal)
      throw invalid('durable is true, but the index has no store: createIndex({ store, name })', 'options.durable');
    return /** @type {boolean|undefined} */ (durable);
  }

  /**
   * One write after the other, in the order of calls.
   * @param {{ ids: readonly Id[], durable: boolean|undefined, isSmall: boolean, pack: () => Uint8Array[],
   *   firstOf?: (result: number) => number|undefined }} what isSmall: it is done inside the call, if none goes on
   * @param {(id: number) => number} write id 0: now
   * @returns {Promise<number>}
   */
  async #commit({ ids, durable, isSmall, pack, firstOf = () => undefined }, write) {
    if (this.#journal) {
      const apply = () => (isSmall ? write(0) : offLoop(write));
      return ids.length ? this.#journal.write(ids, durable, pack, apply, firstOf) : 0;
    }
    if (isSmall && !this.#writing) return write(0);
    const before = this.#writing;
    const mine = (async () => {
      await before?.catch(() => {});
      return isSmall ? write(0) : offLoop(/** @type {(id: number) => void} */ (write));
    })();
    this.#writing = mine;
    try {
      return await mine;
    } finally {
      if (this.#writing === mine) this.#writing = undefined;
    }
  }

  /**
   * @param {unknown} ids
   * @param {unknown} vectors
   * @param {unknown} options
   * @param {boolean} replaces
   */
  async #write(ids, vectors, options, replaces) {
    const given = checkObject(options, kOfWrite, replaces ? 'upsert()' : 'add()');
    const durable = this.#checkDurable(given);
    const list = checkIds(ids);
    const { data, count } = checkVectors(vectors, this.dimensions, 'vectors');
    if (count !== list.length)
      throw invalid(`vectors has ${count} rows for ${list.length} ids: there must be one for each`, 'vectors');
    const metadata = checkMetadata(given.metadata, count);
    const isSmall = data.byteLength <= kAtOnceBytes && count <= kAtOnceIds;
    const table = this.#table;
    const pack = () => [new Uint8Array(table.packWrite(list, data, metadata, replaces)), bytesOf(data)];
    await this.#commit({ ids: list, durable, isSmall, pack, firstOf: (first) => first }, (id) =>
      table.append(id, list, data, metadata, replaces),
    );
    const seals = this.#table.seals();
    if (seals === this.#seals && !replaces) return;
    this.#seals = seals;
    this.#maintenance.wake();
  }

  /**
   * @param {unknown} queries
   * @param {Asked} asked
   * @returns {Promise<SearchResult|SearchResults>}
   */
  async #search(queries, asked) {
    const began = nowMs();
    const { data, count, isOne } = checkVectors(queries, this.dimensions, 'queries');
    const filter = compileFilter(asked.filter);
    const ids = asked.ids === undefined ? undefined : checkIds(asked.ids, 'options.ids');
    const { k, isRange, threshold, approximate } = asked;
    const search = this.#table.search(data, count, k, isRange, threshold, approximate, filter, ids);
    const led = new LedSearch(search, this.#segments, this.#owner, {
      queries: data,
      dimensions: this.dimensions,
      metric: this.metric,
    });
    const plansLong = (filter !== undefined || ids !== undefined) && this.#table.size() > kPlannedRows;
    await led.run(plansLong, asked.job);
    const { ids: found, scores, vectors, metadata } = search.result(asked.includeVectors, asked.includeMetadata);
    const tensors = vectors?.map((buffer, i) => {
      const rows = found[i].length;
      const shape = [rows, this.dimensions];
      return { data: new Float32Array(buffer, 0, rows * this.dimensions), shape, dtype: /** @type {const} */ ('float32') };
    });
    const objects = metadata?.map((texts, i) => found[i].map((_, hit) => readMetadata(texts[hit])));
    const one = (/** @type {any[]|undefined} */ list) => (isOne ? list?.[0] : list);
    return {
      ids: one(found),
      scores: one(scores),
      ...(tensors && { vectors: one(tensors) }),
      ...(objects && { metadata: one(objects) }),
      ...(asked.explain && { explain: led.explain(began) }),
    };
  }
}

module.exports = { VectorIndex };
