// Store in a cluster: what openStore() gives in a process that has others beside it. One path is one store, whoever
// calls it; its owner, which one of the processes is, does what is called.
'use strict';
const { asGpuError, epochMs, GPUError } = require('../../core');
const { checks, Store } = require('../store');
const { copyOf } = require('./copy-of');

/** @typedef {import('./shared-store').SharedStore} SharedStore */
/** @typedef {import('../../index').StoreStats} StoreStats */

const { checkKey, checkValue, checkPath, checkPut, checkDelete, checkList } = checks;

class ClusterStore extends Store {
  #shared;
  #durable;
  #stats;
  #close;
  #retain;
  /** @type {Set<Promise<unknown>>} */
  #underWay = new Set();
  /** @type {Promise<void>|undefined} */
  #closing;
  /** @type {(news: { store?: StoreStats }) => void} */
  #onNews = ({ store }) => {
    if (store) this.#stats = { ...store, readOnly: false };
  };

  /**
   * @param {{ shared: SharedStore, path: string, durable: boolean, stats: StoreStats, close: () => Promise<void>,
   *   retain: () => () => Promise<void> }} parts `retain`: one handle more, and what gives it back
   */
  constructor({ shared, path, durable, stats, close, retain }) {
    // A reader needs no upkeep.
    super(/** @type {never} */ (/** @type {unknown} */ (undefined)), path, durable, true, 0);
    this.#shared = shared;
    this.#durable = durable;
    this.#stats = stats;
    this.#close = close;
    this.#retain = retain;
    shared.listeners.add(this.#onNews);
  }

  /** What is built on it: the store as this process calls it, and whether writes are on the disk by default. */
  get inside() {
    this.#checkOpen();
    return { shared: this.#shared, durable: this.#durable, retain: this.#retain };
  }

  get closed() {
    return this.#closing !== undefined;
  }

  #checkOpen() {
    if (this.#closing) throw new GPUError('ERR_CLOSED', `the store '${this.path}' is closed`);
  }

  /**
   * @template T
   * @param {() => Promise<T>} call
   * @returns {Promise<T>}
   */
  async #call(call) {
    this.#checkOpen();
    const running = call();
    this.#underWay.add(running);
    try {
      return await running;
    } catch (error) {
      throw asGpuError(error);
    } finally {
      this.#underWay.delete(running);
    }
  }

  /**
   * @template T
   * @param {() => Promise<{ value: unknown }>} call
   * @returns {Promise<T>}
   */
  async #ask(call) {
    const { value } = await this.#call(call);
    return /** @type {T} */ (value);
  }

  /**
   * @param {string} key
   * @param {Uint8Array|string} value
   * @param {import('../../index').PutOptions} [options] ttl, durable
   * @returns {Promise<void>}
   */
  async put(key, value, options) {
    const name = checkKey(key),
      given = checkValue(value),
      { ttl, durable } = checkPut(options, this.#durable);
    await this.#call(async () => {
      const bytes = typeof value === 'string' ? given : Buffer.from(given); // a copy: it may be sent again
      const expiry = ttl === undefined ? undefined : Math.ceil(epochMs() + ttl);
      await this.#shared.write({ name: 'put', key: name, durable, expiry }, [bytes]);
    });
  }

  /**
   * @param {string} key
   * @returns {Promise<Buffer|undefined>}
   */
  async get(key) {
    const name = checkKey(key);
    return this.#call(async () => {
      const { value, parts } = await this.#shared.call({ name: 'get', key: name });
      return value ? Buffer.from(parts[0].buffer, parts[0].byteOffset, parts[0].byteLength) : undefined;
    });
  }

  /**
   * @param {string} key
   * @param {import('../../index').DeleteOptions} [options] durable
   * @returns {Promise<boolean>}
   */
  async delete(key, options) {
    const name = checkKey(key),
      durable = checkDelete(options, this.#durable);
    return this.#ask(() => this.#shared.write({ name: 'delete', key: name, durable }));
  }

  /**
   * @param {import('../../index').ListOptions} [options] prefix, limit (1000), after
   * @returns {Promise<string[]>}
   */
  async list(options) {
    const checked = checkList(options);
    return this.#ask(() => this.#shared.call({ name: 'list', options: checked }));
  }

  /**
   * @param {string|URL} path
   * @returns {Promise<void>}
   */
  async snapshot(path) {
    const target = checkPath(path, 'path');
    await this.#call(() => this.#shared.call({ name: 'snapshot', path: target }));
  }

  /** @returns {Promise<import('../../index').StoreVerification>} */
  async verify() {
    return this.#ask(() => this.#shared.call({ name: 'verify' }));
  }

  /** @returns {StoreStats} as the owner has said it last, a tenth of a second ago at most */
  stats() {
    return copyOf(this.#stats);
  }

  /** @returns {Promise<void>} of this process's handle: the last one of the cluster closes the store */
  close() {
    this.#closing ??= (async () => {
      await Promise.allSettled(this.#underWay);
      this.#shared.listeners.delete(this.#onNews);
      await this.#close();
    })();
    return this.#closing;
  }
}

module.exports = { ClusterStore };
