// The memories of documents in a store, as its owner has them: turns, intents and the model are one process's. Each is
// opened by the first call that names it, and closed once nobody in the cluster has it open.
'use strict';
const { insideOf } = require('../../cluster');
const { invalid, loadModelOn, show } = require('../../core');
const { defaultModel } = require('../../text');
const { makeMemory } = require('../documents/create-memory');
const { checkSearch } = require('../vectors/options');

/** @typedef {import('./host').StoreHost} StoreHost */
/** @typedef {import('./host').Calls} Calls */
/** @typedef {import('./host-indexes').HostIndexes} HostIndexes */
/** @typedef {import('../documents/memory').Memory} Memory */
/** @typedef {{ name: string, [option: string]: unknown }} Described the options of createMemory(), as JSON has them */
/** @typedef {{ described: Described, ready: Promise<Memory>, users: Set<object> }} Hosted */

class HostMemories {
  #host;
  #indexes;
  /** @type {Map<string, Hosted>} */
  #open = new Map();
  /** @type {Map<string, Promise<unknown>>} those that are being closed */
  #closing = new Map();

  /**
   * @param {StoreHost} host
   * @param {HostIndexes} indexes
   */
  constructor(host, indexes) {
    this.#host = host;
    this.#indexes = indexes;
  }

  /**
   * @param {StoreHost} host
   * @param {HostIndexes} indexes
   */
  static on(host, indexes) {
    const made = new HostMemories(host, indexes);
    host.add(made.#calls(), {
      close: () => made.#closeAll(),
      leave: (who) => made.#leave(who),
      news: () => ({}),
    });
    return made;
  }

  /**
   * @param {Described} described
   * @param {object} who has it open from now on
   */
  #of(described, who) {
    const { name } = described;
    let hosted = this.#open.get(name);
    if (!hosted) {
      hosted = { described, ready: this.#make(described), users: new Set() };
      const mine = hosted;
      hosted.ready.catch(() => this.#open.get(name) === mine && this.#open.delete(name));
      this.#open.set(name, hosted);
    }
    for (const option of new Set([...Object.keys(described), ...Object.keys(hosted.described)])) {
      const [mine, other] = [described[option], hosted.described[option]].map((value) => JSON.stringify(value));
      if (mine !== other)
        throw invalid(
          `${option} is ${show(described[option])}, but the memory '${name}' is open in this cluster with ` +
            show(hosted.described[option]),
          `options.${option}`,
        );
    }
    hosted.users.add(who);
    return hosted.ready;
  }

  /** @param {Described} described */
  async #make(described) {
    await this.#closing.get(described.name);
    const { manager, store } = this.#host;
    const { config } = insideOf(manager);
    const { durable, ...options } = described;
    // Its writes are on the disk when the owner's are.
    if (durable && !this.#host.isDurable)
      throw invalid(
        `durable is true, but the store '${store.path}' was opened in this cluster with false, which its memories have`,
        'options.durable',
      );
    return makeMemory(
      {
        isContext: false,
        timeout: config.timeout,
        defaultModel,
        loadModel: (source) => loadModelOn(manager, source, undefined),
        createIndex: (named) => this.#index(/** @type {import('./host-indexes').Named} */ (named)),
        openStore: async () => store,
      },
      { ...options, store },
    );
  }

  /**
   * The index, which other processes may call by its name, too.
   * @param {import('./host-indexes').Named} named
   * @returns {Promise<import('../documents/memory').Index>}
   */
  async #index({ name, dimensions, metric, dtype }) {
    const who = {};
    const core = await this.#indexes.of({ name, dimensions, metric, dtype }, who);
    const changed = () => this.#indexes.changed(name);
    return {
      get size() {
        return core.size;
      },
      upsert: async (ids, vectors, options) => {
        await core.put(ids, vectors, options, true);
        changed();
      },
      remove: async (ids) => {
        const count = await core.remove(ids, undefined);
        changed();
        return count;
      },
      has: (id) => core.has(id),
      get: async (ids) => core.get(ids),
      search: async (query, options) => {
        const found = /** @type {unknown} */ (await core.search(query, checkSearch(options, false)));
        return /** @type {Awaited<ReturnType<import('../documents/memory').Index['search']>>} */ (found);
      },
      stats: () => core.stats(),
      close: () => this.#indexes.release(name, who),
    };
  }

  /** @returns {Calls} */
  #calls() {
    return {
      'memory.open': async ({ memory }, _parts, { who }) => {
        await this.#of(memory, who);
        return { value: null };
      },
      'memory.remember': async ({ memory, documents, job, isCancelable }, _parts, { who, signal }) => {
        const options = isCancelable ? { ...job, signal } : job;
        return { value: await (await this.#of(memory, who)).remember(documents, options) };
      },
      'memory.recall': async ({ memory, query, recall, isCancelable }, _parts, { who, signal }) => {
        const given = isCancelable ? { ...recall, signal } : recall;
        return { value: await (await this.#of(memory, who)).recall(query, given) };
      },
      'memory.forget': async ({ memory, what, mark }, _parts, { who }) => {
        const mine = await this.#of(memory, who);
        return { value: await this.#host.once(mark, () => mine.forget(what)) };
      },
      'memory.stats': async ({ memory }, _parts, { who }) => ({ value: await (await this.#of(memory, who)).stats() }),
      'memory.close': async ({ memory }, _parts, { who }) => {
        await this.#release(memory.name, who);
        return { value: null };
      },
    };
  }

  /**
   * @param {string} name
   * @param {object} who
   */
  async #release(name, who) {
    const hosted = this.#open.get(name);
    if (!hosted?.users.delete(who) || hosted.users.size) return;
    this.#open.delete(name);
    const closed = hosted.ready.then((memory) => memory.close()).catch(() => {});
    this.#closing.set(name, closed);
    await closed;
    if (this.#closing.get(name) === closed) this.#closing.delete(name);
  }

  /** @param {object} who */
  #leave(who) {
    for (const name of [...this.#open.keys()]) this.#release(name, who);
  }

  async #closeAll() {
    await Promise.all(
      [...this.#open.values()].map(({ ready }) => ready.then((memory) => memory.close()).catch(() => {})),
    );
    await Promise.all(this.#closing.values());
    this.#open.clear();
  }
}

module.exports = { HostMemories };
