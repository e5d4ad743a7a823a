// What the owner of a store does: it has it open, and does what any process of the cluster calls, this one's own calls
// included. A call is a name with its arguments; what is large stands in parts.
'use strict';
const path = require('node:path');
const { setTimeout, clearTimeout } = require('node:timers');
const { setTimeout: wait } = require('node:timers/promises');
const { asGpuError, epochMs, GPUError, invalid, nowMs } = require('../../core');
const { openStore, readMark } = require('../store');
const { unknownCall } = require('./server');
const { StoreMarks } = require('./store-marks');

/** @typedef {import('./server').Answer} Answer */
/** @typedef {import('../store/marks').Mark} Mark */
/** @typedef {import('../store').Store} Store */
/**
 * What is called, with the fields of all calls: each has its own of them, which the other end has checked.
 * @typedef {object} Call
 * @property {string} name
 * @property {number} id of the call
 * @property {boolean} isCancelable
 * @property {unknown} mark of a write
 * @property {boolean} durable
 * @property {number} limit of a store
 * @property {string} key
 * @property {number} [expiry] ms since 1970
 * @property {import('../../index').ListOptions} options
 * @property {string} path
 * @property {import('./host-indexes').Named} index
 * @property {import('../../index').VectorId[]} ids
 * @property {(string|null)[]} [metadata] as JSON
 * @property {boolean} replaces
 * @property {import('../../index').VectorId} of whether there is such a vector
 * @property {number} count of queries
 * @property {import('../vectors/options').Given} given of a search, with numbers as numbers.js writes them
 * @property {import('./host-memories').Described} memory
 * @property {import('../../index').GivenDocument[]} documents
 * @property {import('../../index').JobOptions} job
 * @property {string} query
 * @property {import('../../index').RecallOptions} recall
 * @property {import('../../index').Forgotten} what
 */
/**
 * What a part of the host can do, by the calls' names.
 * @typedef {Record<string, (call: Call, parts: Uint8Array[], from: From) => Promise<Answer>>} Calls
 */
/** @typedef {{ who: object, signal: AbortSignal }} From who has called, and whether that one waits no longer */
/**
 * What a part of the host does beside its calls: at the end, when one who has called has gone, and what there is to
 * tell everybody.
 * @typedef {{ close: () => Promise<void>, leave: (who: object) => void, news: () => Record<string, unknown> }} Part
 */
/** @typedef {{ durable: boolean, limit: number, isOnMemory?: boolean }} Opening */

const kLockedMs = 2000; // that the kernel may take to end a process that had the lock
const kAgainMs = 2;
const kNewsMs = 100;
const kLeastTtl = 0.001;

class StoreHost {
  #store;
  #marks;
  #opening;
  /** @type {Calls} */
  #calls;
  /** @type {Map<object, Map<number, AbortController>>} calls that can be canceled, by who has called */
  #running = new Map();
  /** @type {Set<Promise<unknown>>} */
  #underWay = new Set();
  /** @type {NodeJS.Timeout|undefined} */
  #newsTimer;
  /** @type {((news: Record<string, unknown>) => void)|undefined} */
  #tell;
  /** @type {Part[]} the one that is closed first is the first */
  #more = [];

  /**
   * @param {import('../../cluster').GPUClusterManager} manager
   * @param {Store} store
   * @param {StoreMarks} marks
   * @param {Opening} opening
   */
  constructor(manager, store, marks, opening) {
    this.manager = manager;
    this.#store = store;
    this.#marks = marks;
    this.#opening = opening;
    this.#calls = this.#storeCalls();
  }

  /**
   * @param {import('../../cluster').GPUClusterManager} manager
   * @param {string} folder
   * @param {Opening} opening
   * @param {boolean} isLost whether an owner before has died: its lock may be there for a moment
   */
  static async open(manager, folder, opening, isLost) {
    for (const until = nowMs() + kLockedMs; ;) {
      const { durable, limit } = opening;
      /** @type {Store|undefined} */
      let store;
      try {
        store = await openStore(folder, { durable, limit: limit || undefined });
        return new StoreHost(manager, store, await StoreMarks.of(store), opening);
      } catch (error) {
        await store?.close().catch(() => {}); // the first error is the cause
        if (error.code !== 'ERR_LOCKED' || !isLost || nowMs() > until) throw error;
        await wait(kAgainMs);
      }
    }
  }

  /** Whether writes that don't say otherwise are on the disk once they are acknowledged. */
  get isDurable() {
    return this.#opening.durable;
  }

  get store() {
    return this.#store;
  }

  /**
   * More that can be called.
   * @param {Calls} calls
   * @param {Part} part
   */
  add(calls, part) {
    this.#calls = { ...this.#calls, ...calls };
    this.#more.unshift(part);
  }

  /** @param {(news: Record<string, unknown>) => void} tell everybody, now and then, what was changed */
  useNews(tell) {
    this.#tell = tell;
  }

  /**
   * @param {Call} call { id, name, and what it takes }
   * @param {Uint8Array[]} parts
   * @param {object} who
   * @returns {Promise<Answer>}
   */
  async call(call, parts, who) {
    const run = Object.hasOwn(this.#calls, call.name) ? this.#calls[call.name] : undefined;
    if (!run) throw unknownCall(String(call.name));
    const controller = new AbortController();
    const mine = this.#running.get(who) ?? new Map();
    this.#running.set(who, mine.set(call.id, controller));
    const running = run(call, parts, { who, signal: controller.signal });
    this.#underWay.add(running);
    try {
      return await running;
    } catch (error) {
      throw this.#opening.isOnMemory ? withRemedy(error, this.#store.path) : error;
    } finally {
      this.#underWay.delete(running);
      mine.delete(call.id);
    }
  }

  /**
   * @param {number} id
   * @param {object} who
   */
  cancel(id, who) {
    this.#running.get(who)?.get(id)?.abort();
  }

  /** @param {object} who nobody waits for what it has called: writes are done all the same */
  leave(who) {
    for (const controller of this.#running.get(who)?.values() ?? []) controller.abort();
    this.#running.delete(who);
    for (const { leave } of this.#more) leave(who);
  }

  /** Something has changed that others know by heart. */
  changed() {
    if (this.#newsTimer || !this.#tell) return;
    this.#newsTimer = setTimeout(() => {
      this.#newsTimer = undefined;
      this.#tell?.(this.news());
    }, kNewsMs);
    this.#newsTimer.unref();
  }

  news() {
    return Object.assign({ store: this.#store.stats() }, ...this.#more.map(({ news }) => news()));
  }

  /** @returns {Calls} */
  #storeCalls() {
    const store = this.#store;
    return {
      open: async ({ limit }) => {
        if (limit !== this.#opening.limit)
          throw invalid(
            `limit is ${limit}, but the store '${store.path}' is open in this cluster with ${this.#opening.limit}`,
            'options.limit',
          );
        return { value: { store: store.stats() } }; // what is news to others stays so
      },
      put: async ({ key, expiry, durable, mark }, [bytes]) => {
        // A part of a frame has its memory to itself; the addon reads it until it is written.
        const ttl = expiry === undefined ? undefined : Math.max(kLeastTtl, expiry - epochMs());
        await this.#marks.put(key, this.markOf(mark), () => store.put(key, bytes, { durable, ttl }));
        this.changed();
        return { value: null };
      },
      get: async ({ key }) => {
        const value = await store.get(key);
        return { value: value !== undefined, parts: value ? [value] : [] };
      },
      delete: async ({ key, durable, mark }) => {
        const count = await this.#marks.delete(key, this.markOf(mark), () => store.delete(key, { durable }));
        this.changed();
        return { value: count > 0 };
      },
      list: async ({ options }) => ({ value: await store.list(options) }),
      snapshot: async (call) => {
        await store.snapshot(call.path);
        return { value: null };
      },
      verify: async () => ({ value: await store.verify() }),
    };
  }

  /**
   * What is no write of one record, once: what it says is remembered as soon as it has ended.
   * @param {unknown} mark
   * @param {() => Promise<number>} run
   */
  once(mark, run) {
    return this.#marks.once(this.markOf(mark), run);
  }

  /** @param {unknown} given */
  markOf(given) {
    const mark = readMark(given);
    if (!mark) throw new GPUError('ERR_INTERNAL', 'another process writes without a number of its write');
    return mark;
  }

  /** Once what was called has ended. */
  async close() {
    clearTimeout(this.#newsTimer);
    this.#tell = undefined;
    await Promise.allSettled(this.#underWay);
    for (const { close } of this.#more) await close().catch(() => {});
    await this.#marks.settle();
    await this.#store.close();
  }
}

/**
 * What helps where files lie on memory.
 * @param {unknown} error
 * @param {string} folder
 */
function withRemedy(error, folder) {
  const { code, message } = asGpuError(error);
  if (code !== 'ERR_OUT_OF_MEMORY') return error;
  const at = path.dirname(path.dirname(folder));
  return new GPUError(
    code,
    `${message}. What is in no store lies in '${at}': make that larger (docker run --shm-size), or name another ` +
      'folder by the setting memoryFolder',
    { cause: error },
  );
}

module.exports = { StoreHost };
