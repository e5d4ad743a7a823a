// A store in a folder. What touches the disk is done on libuv's threads; writes that come while one is under way go to
// the disk together.
'use strict';
const { setInterval, clearInterval } = require('node:timers');
const { native } = require('../../addon');
const { readTierSettings } = require('../../config');
const { GPUError, epochMs, makeOn } = require('../../core');
const { Tier, watchStore } = require('../../pressure');
const { ended } = require('./calls');
const { Collection } = require('./collection');
const { checkKey, checkValue, checkPath, checkPut, checkDelete, checkList } = require('./check');

/** @typedef {import('../../addon/store-calls').StoreHandle} StoreHandle */
/** @typedef {{ buffer: ArrayBuffer, offset: number, bytes: number }} Value */

const kTendMs = 60_000; // between two looks for objects whose time is over

/** @type {(store: Store, name: string) => Promise<Collection>} */
let openCollection;
/** @type {(store: Store) => Tier|undefined} */
let readDisk;
/** @typedef {{ sequence: number, isThere: boolean }} LastRecord */
/** @type {(store: Store, key: string) => Promise<LastRecord|undefined>} */
let findLast;

/**
 * A store that nobody holds any more is let go of, closed or not: its lock too.
 * @param {WeakRef<StoreHandle>} held
 */
function tend(held) {
  const timer = setInterval(() => {
    const handle = held.deref();
    if (handle) native.tendStore(handle);
    else clearInterval(timer);
  }, kTendMs);
  return timer.unref();
}

/**
 * What a store takes of its disk; undefined once it was let go of. Nothing here holds the store.
 * @param {WeakRef<StoreHandle>} held
 * @param {number} limit
 */
function useOf(held, limit) {
  return () => {
    const handle = held.deref();
    return handle && { used: native.storeStats(handle).diskBytes, limit };
  };
}

/**
 * @param {string} folder
 * @param {WeakRef<StoreHandle>} held
 * @param {ReturnType<typeof useOf>} use
 */
function diskTier(folder, held, use) {
  return new Tier({
    tier: 'disk',
    of: folder,
    read: () => use() ?? { used: 0, limit: 0 },
    fullWithinMs: readTierSettings().memoryFullWithin,
    reclaim() {
      const handle = held.deref();
      if (handle) native.reclaimStore(handle);
    },
  });
}

class Store {
  static {
    openCollection = async (store, name) => {
      store.#checkOpen();
      const handle = store.#handle;
      const number = await ended((id) => native.openCollection(id, handle, name), handle);
      /** @type {import('./collection').Call} */
      const call = (begin, kept) => store.#tracked(begin, kept);
      return new Collection(call, /** @type {number} */ (number), name, store.#durable, store.#readOnly);
    };
    readDisk = (store) => store.#disk;
    findLast = (store, key) => store.#tracked((id, handle) => native.lastRecord(id, handle, key));
  }

  #handle;
  #durable;
  #readOnly;
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  /** @type {Tier|undefined} */
  #disk;
  /** @type {(() => void)|undefined} */
  #leave;
  /** @type {Promise<void>|undefined} */
  #closing;
  /** @type {Set<Promise<unknown>>} that a close waits for, beside the writes */
  #underWay = new Set();

  /**
   * @param {StoreHandle} handle
   * @param {string} path
   * @param {boolean} durable
   * @param {boolean} readOnly
   * @param {number} limit of its bytes on the disk; 0: none
   */
  constructor(handle, path, durable, readOnly, limit) {
    this.#handle = handle;
    /** The folder. */
    this.path = path;
    this.#durable = durable;
    this.#readOnly = readOnly;
    if (!readOnly) this.#watch(limit);
  }

  /**
   * What is to be done from time to time, for as long as somebody holds it.
   * @param {number} limit
   */
  #watch(limit) {
    const held = new WeakRef(this.#handle);
    this.#timer = tend(held);
    if (!limit) return;
    const use = useOf(held, limit);
    this.#disk = diskTier(this.path, held, use);
    this.#leave = watchStore(use);
  }

  /** close() was called. */
  get closed() {
    return this.#closing !== undefined;
  }

  #checkOpen() {
    if (this.#closing) throw new GPUError('ERR_CLOSED', `the store '${this.path}' is closed`);
  }

  /**
   * What close() waits for.
   * @template Result
   * @param {(id: number, handle: StoreHandle) => void} begin
   * @param {unknown} [kept] what must not be collected until it has ended
   * @returns {Promise<Result>}
   */
  async #tracked(begin, kept) {
    this.#checkOpen();
    const handle = this.#handle;
    const end = /** @type {Promise<Result>} */ (ended((id) => begin(id, handle), [handle, kept]));
    this.#underWay.add(end);
    try {
      return await end;
    } finally {
      this.#underWay.delete(end);
    }
  }

  /**
   * Keeps a value under a key, in the place of what was there.
   * @param {string} key
   * @param {Uint8Array|string} value
   * @param {import('../../index').PutOptions} [options] ttl, durable
   * @returns {Promise<void>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY: the disk is full, or the limit reached;
   *   ERR_CLOSED: it is closed, or takes no more writes since the disk has failed
   * @example
   * await store.put('session', JSON.stringify({ user: 7 }), { ttl: 3_600_000 });
   */
  async put(key, value, options) {
    const name = checkKey(key),
      bytes = checkValue(value),
      { ttl, durable } = checkPut(options, this.#durable);
    this.#checkOpen();
    const expiry = ttl === undefined ? 0 : Math.ceil(epochMs() + ttl);
    const handle = this.#handle;
    await ended((id) => native.putObject(id, handle, name, bytes, expiry, durable), [handle, bytes]);
  }

  /**
   * The value of a key, memory of its own; undefined where there is none.
   * @param {string} key
   * @returns {Promise<Buffer|undefined>}
   * @throws {GPUError} (rejects with) ERR_DAMAGED: what the disk has is not what was written; ERR_INVALID_ARGUMENT;
   *   ERR_CLOSED
   * @example
   * const session = JSON.parse((await store.get('session')).toString());
   */
  async get(key) {
    const name = checkKey(key);
    /** @type {Value|undefined} */
    const value = await this.#tracked((id, handle) => native.getObject(id, handle, name));
    return value && Buffer.from(value.buffer, value.offset, value.bytes);
  }

  /**
   * Forgets a key, and says whether it was there.
   * @param {string} key
   * @param {import('../../index').DeleteOptions} [options] durable
   * @returns {Promise<boolean>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY: the disk is full; ERR_CLOSED
   * @example
   * const wasThere = await store.delete('session');
   */
  async delete(key, options) {
    const name = checkKey(key),
      durable = checkDelete(options, this.#durable);
    this.#checkOpen();
    const handle = this.#handle;
    return ended((id) => native.deleteObject(id, handle, name, durable), handle);
  }

  /**
   * Keys in the order of their bytes in UTF-8.
   * @param {import('../../index').ListOptions} [options] prefix, limit (1000), after
   * @returns {Promise<string[]>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_CLOSED
   * @example
   * const keys = await store.list({ prefix: 'user:', limit: 100 });
   */
  async list(options) {
    const { prefix, after, limit } = checkList(options);
    return this.#tracked((id, handle) => native.listObjects(id, handle, prefix, after, limit));
  }

  /**
   * Copies the store as it is now to a folder that is not there; files are linked where the file system can.
   * @param {string|URL} path
   * @returns {Promise<void>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: there is something already; ERR_OUT_OF_MEMORY; ERR_CLOSED;
   *   ERR_UNSUPPORTED: it was opened to read, beside a writer
   * @example
   * await store.snapshot('./backup');
   */
  async snapshot(path) {
    const target = checkPath(path, 'path');
    /** @type {import('../../addon/store-calls').SnapshotHandle} */
    const taken = await this.#tracked((id, handle) => native.takeSnapshot(id, handle));
    await this.#tracked((id, handle) => native.writeSnapshot(id, handle, taken, target));
  }

  /**
   * The index of that name; a new one where there is none. Close it before the store.
   * @param {string} name 1 to 200 bytes
   * @param {import('../../index').StoreIndexOptions} options dimensions, metric, dtype; on
   * @returns {Promise<import('../../index').VectorIndex>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: also where it is open already, or of another kind;
   *   ERR_DAMAGED; ERR_UNSUPPORTED; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example
   * const index = await store.index('words', { dimensions: 384 });
   */
  async index(name, options) {
    this.#checkOpen();
    return /** @type {Promise<import('../../index').VectorIndex>} */ (makeOn('index', this, name, options));
  }

  /**
   * Reads everything, and says what is not as it was written.
   * @returns {Promise<import('../../index').StoreVerification>}
   * @throws {GPUError} (rejects with) ERR_CLOSED
   * @example
   * const { ok, problems } = await store.verify();
   */
  async verify() {
    /** @type {Omit<import('../../index').StoreVerification, 'ok'>} */
    const { files, records, problems } = await this.#tracked((id, handle) => native.verifyStore(id, handle));
    return { ok: problems.length === 0, files, records, problems };
  }

  /**
   * What it has, and what its opening has found.
   * @returns {import('../../index').StoreStats}
   * @example
   * const { objects, diskBytes, recovery } = store.stats();
   */
  stats() {
    return { ...native.storeStats(this.#handle), readOnly: this.#readOnly };
  }

  /**
   * Waits for what was asked for, and ends the log in order, so that the next opening is quick. Idempotent.
   * @returns {Promise<void>}
   * @throws {GPUError} (rejects with) ERR_OUT_OF_MEMORY: the disk is too full for the end of the log; what was
   *   acknowledged is there all the same
   * @example
   * await store.close();
   */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    clearInterval(this.#timer);
    this.#leave?.();
    await Promise.allSettled(this.#underWay);
    const handle = this.#handle;
    await ended((id) => native.closeStore(id, handle), handle);
  }

  /**
   * As close(), for `await using`.
   * @returns {Promise<void>}
   * @example
   * await using store = await openStore('./data');
   */
  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }
}

/**
 * A collection of a store, for what is built on it; a new one where there is none of that name.
 * @param {Store} store
 * @param {string} name
 */
const collectionOf = (store, name) => openCollection(store, name);

/**
 * The tier of a store that has a limit.
 * @param {Store} store
 */
const diskOf = (store) => readDisk(store);

/**
 * The last record of a key, also one that says that it is gone; undefined: nothing is known of it.
 * @param {Store} store
 * @param {string} key
 */
const lastRecordOf = (store, key) => findLast(store, key);

module.exports = { Store, collectionOf, diskOf, lastRecordOf };
