// VectorIndex, the public class: what is called is documented here, and done by index-core.js.
'use strict';
const { createContext } = require('../../context');
const { GPUError, asGpuError } = require('../../core');
const { IndexCore } = require('./index-core');
const { checkIndexOptions, checkObject, checkPath, checkSearch, checkRange } = require('./options');
const { checkOn, ownerOf } = require('./owner');
const { loadIndex } = require('./saved');

/** @typedef {import('../../index').SearchResult} SearchResult */
/** @typedef {import('../../index').SearchResults} SearchResults */

const kOfLoad = new Set(['on']);

class VectorIndex {
  #core;
  /** @type {Set<Promise<unknown>>} */
  #calls = new Set();
  /** @type {Promise<void>|undefined} */
  #closed;

  /**
   * @param {import('./owner').Owner} owner
   * @param {import('./index-core').Kind & { pinned?: boolean }} kind
   * @param {import('./index-core').Limits} [limits]
   * @param {import('./index-core').Place} [place] in a store: recover() is to follow
   * @param {IndexCore} [core] another one that does what is called
   */
  constructor(owner, kind, limits = {}, place = undefined, core = new IndexCore(owner, kind, limits, place)) {
    this.#core = core;
  }

  /**
   * Reads what its collection has.
   * @param {VectorIndex} index
   */
  static async recover(index) {
    try {
      await index.#core.recover();
    } catch (error) {
      await index.close();
      throw asGpuError(error);
    }
    return index;
  }

  get dimensions() {
    return this.#core.kind.dimensions;
  }

  get metric() {
    return this.#core.kind.metric;
  }

  get dtype() {
    return this.#core.kind.dtype;
  }

  /** How many vectors there are. */
  get size() {
    return this.#closed ? 0 : this.#core.size;
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
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example
   * await index.add(['c', 7], tensor([[1, 0], [0, 1]]), { metadata: [{ lang: 'en' }, undefined] });
   */
  add(ids, vectors, options) {
    return this.#call(() => this.#core.put(ids, vectors, options, false));
  }

  /**
   * Adds vectors, all or none, in the place of those that have their ids.
   * @param {unknown} ids
   * @param {unknown} vectors
   * @param {unknown} [options] metadata, durable
   * @returns {Promise<void>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example
   * await index.upsert(['a'], tensor([[0, 1]]));
   */
  upsert(ids, vectors, options) {
    return this.#call(() => this.#core.put(ids, vectors, options, true));
  }

  /**
   * Removes vectors; ids that are not there are passed over.
   * @param {unknown} ids
   * @param {unknown} [options] durable
   * @returns {Promise<number>} how many were there
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example
   * const count = await index.remove(['a', 'b']);
   */
  remove(ids, options) {
    return this.#call(() => this.#core.remove(ids, options));
  }

  /**
   * The vectors and metadata of ids.
   * @param {unknown} ids
   * @returns {Promise<{ vectors: import('../../index').Tensor<Float32Array>,
   *   metadata: (Record<string, unknown>|undefined)[] }>}
   * @throws {GPUError} (rejects with) ERR_NOT_FOUND: an id that is not there; ERR_INVALID_ARGUMENT; ERR_DAMAGED;
   *   ERR_CLOSED
   * @example
   * const { vectors, metadata } = await index.get(['a']);
   */
  get(ids) {
    return this.#call(async () => this.#core.get(ids));
  }

  /**
   * Whether there is a vector with an id.
   * @param {unknown} id
   * @returns {Promise<boolean>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_CLOSED
   * @example
   * if (!(await index.has('a'))) await index.add(['a'], [[1, 0]]);
   */
  has(id) {
    return this.#call(async () => this.#core.has(id));
  }

  /**
   * The nearest vectors of each query, exactly.
   * @param {unknown} queries
   * @param {unknown} [options]
   * @returns {Promise<SearchResult|SearchResults>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT, with its `argument`; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST;
   *   ERR_WORKER_LOST; ERR_TIMEOUT and ERR_CANCELED; ERR_DAMAGED; ERR_CLOSED
   * @example
   * const { ids, scores } = await index.search(query, { k: 5, filter: { lang: 'en', year: { $gte: 2000 } } });
   */
  search(queries, options) {
    return this.#call(async () => this.#core.search(queries, checkSearch(options, this.#core.owner.isContext)));
  }

  /**
   * All vectors within a distance of each query.
   * @param {unknown} queries
   * @param {unknown} options
   * @returns {Promise<SearchResult|SearchResults>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT, with its `argument`; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST;
   *   ERR_WORKER_LOST; ERR_TIMEOUT and ERR_CANCELED; ERR_DAMAGED; ERR_CLOSED
   * @example
   * const { ids } = await index.range(query, { distance: 0.9, limit: 1000 });
   */
  range(queries, options) {
    return this.#call(async () => this.#core.search(queries, checkRange(options, this.#core.owner.isContext)));
  }

  /**
   * What the index is made of.
   * @throws {GPUError} ERR_CLOSED
   * @example
   * const { segments, memory } = index.stats();
   */
  stats() {
    this.#checkOpen();
    return this.#core.stats();
  }

  /**
   * Merges all segments, without the rows that were removed.
   * @returns {Promise<void>}
   * @throws {GPUError} (rejects with) ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_CLOSED
   * @example
   * await index.compact();
   */
  compact() {
    return this.#call(() => this.#core.compact());
  }

  /**
   * Writes the index, as it is now, into one file, which is there whole or not at all.
   * @param {unknown} path
   * @returns {Promise<void>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_NOT_FOUND; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example
   * await index.save('vectors.index');
   */
  save(path) {
    return this.#call(async () => this.#core.save(checkPath(path)));
  }

  /**
   * Reads an index that save() has written.
   * @param {unknown} path
   * @param {unknown} [options] { on: a manager or a context }
   * @returns {Promise<VectorIndex>}
   */
  static async load(path, options) {
    const { on } = checkObject(options, kOfLoad, 'load()');
    const given = on === undefined ? undefined : checkOn(on);
    const source = checkPath(path);
    const owner = given ? ownerOf(given) : ownerOf(await createContext(), true);
    try {
      owner.checkOpen();
      const adopt = (
        /** @type {VectorIndex} */ index,
        /** @type {Float32Array} */ rows,
        /** @type {Uint8Array} */ rest,
      ) => index.#core.adopt(rows, rest);
      const index = await loadIndex(source, adopt, ({ dimensions, metric, dtype }) => {
        return new VectorIndex(owner, checkIndexOptions({ dimensions, metric, dtype }));
      });
      index.#core.wake();
      return index;
    } catch (error) {
      await owner.close?.();
      throw asGpuError(error);
    }
  }

  /**
   * No new calls; those that run end first.
   * @returns {Promise<void>}
   * @example
   * await index.close();
   */
  close() {
    this.#closed ??= Promise.allSettled([...this.#calls]).then(() => this.#core.close());
    return this.#closed;
  }

  /**
   * As close(), for `await using`.
   * @returns {Promise<void>}
   * @example
   * await using index = await createIndex({ dimensions: 384 });
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
    this.#core.owner.checkOpen();
  }
}

module.exports = { VectorIndex };
