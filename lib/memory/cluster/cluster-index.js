// What an index does whose owner may be another process: the same as index-core.js, asked of whoever has it.
'use strict';
const { native } = require('../../addon');
const { checkIds, checkVectors, ownData } = require('../vectors/ids');
const { compileFilter } = require('../vectors/filter');
const { firstOf } = require('../vectors/index-core');
const { checkNoStore, checkPut, checkRemoval } = require('../vectors/writes');
const { copyOf } = require('./copy-of');
const { wordOf, floatsOf, unpackResults } = require('./numbers');

/** @typedef {import('./shared-store').SharedStore} SharedStore */
/** @typedef {import('../vectors/index-core').Kind} Kind */
/**
 * @template Value
 * @typedef {import('./shared-store').Answer<Value>} Answer
 */
/** @typedef {ReturnType<import('../vectors/index-core').IndexCore['stats']>} Stats */

class ClusterIndex {
  #shared;
  #index;
  #durable;
  #isStored;
  #leave;
  #close;
  /** @type {Stats} */
  #stats;
  #size;
  /** @type {(news: { indexes?: Record<string, Stats> }) => void} */
  #onNews = ({ indexes }) => {
    const stats = indexes?.[this.#index.name];
    if (stats) this.#know(stats);
  };

  /**
   * @param {{ shared: SharedStore, name: string, kind: Kind, owner: import('../vectors/owner').Owner, durable: boolean,
   *   isStored: boolean, stats: Stats, leave: () => boolean, close: () => Promise<void> }} parts `isStored`: in a store
   *   of the user's; `leave`: whether nobody in this process has it open any more
   */
  constructor({ shared, name, kind: { dimensions, metric, dtype }, owner, durable, isStored, stats, leave, close }) {
    this.kind = Object.freeze({ dimensions, metric, dtype });
    this.owner = owner;
    this.#shared = shared;
    this.#index = { name, ...this.kind };
    this.#durable = durable;
    this.#isStored = isStored;
    this.#leave = leave;
    this.#close = close;
    this.#stats = stats;
    this.#size = stats.size;
    shared.listeners.add(this.#onNews);
  }

  /** @param {Stats} stats */
  #know(stats) {
    this.#stats = stats;
    this.#size = stats.size;
  }

  get size() {
    return this.#size;
  }

  /**
   * @param {unknown} ids
   * @param {unknown} vectors
   * @param {unknown} options
   * @param {boolean} replaces
   */
  async put(ids, vectors, options, replaces) {
    const {
      list,
      rows,
      metadata,
      durable = this.#durable,
    } = checkPut(ids, vectors, options, this.kind.dimensions, replaces);
    if (!this.#isStored) checkNoStore(durable);
    if (!list.length) return;
    const call = { name: 'index.put', index: this.#index, ids: list, metadata, durable, replaces };
    const { value } = /** @type {Answer<number>} */ (await this.#shared.write(call, [ownData(rows)]));
    this.#size = value;
  }

  /**
   * @param {unknown} ids
   * @param {unknown} options
   * @returns {Promise<number>}
   */
  async remove(ids, options) {
    const { list, durable = this.#durable } = checkRemoval(ids, options);
    if (!this.#isStored) checkNoStore(durable);
    if (!list.length) return 0;
    const call = { name: 'index.remove', index: this.#index, ids: list, durable };
    const { value } = /** @type {Answer<{ count: number, size: number }>} */ (await this.#shared.write(call));
    this.#size = value.size;
    return value.count;
  }

  /**
   * @param {unknown} id
   * @returns {Promise<boolean>}
   */
  async has(id) {
    const [checked] = checkIds([id], 'id');
    const call = { name: 'index.has', index: this.#index, of: checked };
    return /** @type {Answer<boolean>} */ (await this.#shared.call(call)).value;
  }

  /**
   * @param {unknown} ids
   * @returns {Promise<{ vectors: import('../../index').Tensor<Float32Array>,
   *   metadata: (Record<string, unknown>|undefined)[] }>}
   */
  async get(ids) {
    const list = checkIds(ids);
    const call = { name: 'index.get', index: this.#index, ids: list };
    const { value, parts } = /** @type {Answer<(Record<string, unknown>|null)[]>} */ (await this.#shared.call(call));
    return {
      vectors: { data: floatsOf(parts[0]), shape: [list.length, this.kind.dimensions], dtype: 'float32' },
      metadata: value.map((each) => each ?? undefined),
    };
  }

  /**
   * @param {unknown} queries
   * @param {import('../vectors/options').Given} given
   */
  async search(queries, given) {
    const { dimensions } = this.kind;
    const { k, threshold, filter, ids, job, ...others } = given;
    const list = ids === undefined ? undefined : checkIds(ids, 'options.ids');
    // A filter is of what JSON has: as it is now, whatever the caller does until it is sent.
    const asItIs = compileFilter(filter) && JSON.parse(JSON.stringify(filter));
    const rows = checkVectors(queries, dimensions, 'queries');
    const data = ownData(rows);
    native.checkQueries(data, dimensions);
    const { signal, timeout, ...rest } = job;
    const call = {
      name: 'index.search',
      index: this.#index,
      count: rows.count,
      given: { ...others, k: wordOf(k), threshold: wordOf(threshold), filter: asItIs, ids: list, job: rest },
      isCancelable: signal !== undefined || timeout !== undefined,
    };
    const all = unpackResults(await this.#shared.callWithin(call, [data], { signal, timeout }), dimensions);
    return rows.isOne ? firstOf(all) : all;
  }

  /** As the owner has said it last, a tenth of a second ago at most. */
  stats() {
    return { ...copyOf(this.#stats), size: this.#size };
  }

  async compact() {
    await this.#shared.call({ name: 'index.compact', index: this.#index });
  }

  /** @param {string} target */
  async save(target) {
    await this.#shared.call({ name: 'index.save', index: this.#index, path: target });
  }

  /** This process's: the last one of the cluster closes it. */
  async close() {
    this.#shared.listeners.delete(this.#onNews);
    if (this.#leave()) await this.#shared.call({ name: 'index.close', index: this.#index }).catch(() => {});
    await this.#close();
  }
}

module.exports = { ClusterIndex };
