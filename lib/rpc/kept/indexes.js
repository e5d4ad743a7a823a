// Indexes of vectors by name, all in one store below MEMORY_DIR; what each was made with stands beside it, so that
// whoever asks for one needs its name alone.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { GPUError, invalid, show } = require('../../core');
const { Opened } = require('./opened');

/** @typedef {import('../../index').Store} Store */
/** @typedef {import('../../index').VectorIndex} VectorIndex */
/** @typedef {Pick<Required<import('../../index').IndexOptions>, 'dimensions'|'metric'|'dtype'>} About */

const kPrefix = 'about/';
const kMostIndexes = 1000; // that there may be

class Indexes {
  /** @type {Opened<Store>} */
  #stores = new Opened();
  /** @type {Opened<VectorIndex>} */
  #opened = new Opened();
  #manager;
  #folder;

  /**
   * @param {import('../parts').Manager} manager
   * @param {import('../parts').Config} config
   */
  constructor(manager, { memoryDir }) {
    this.#manager = manager;
    this.#folder = path.join(memoryDir, 'indexes');
  }

  /**
   * Makes an index, where there is none of that name.
   * @param {string} name
   * @param {About} wanted
   * @returns {Promise<{ about: About & { size: number }, created: boolean }>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: it is there, and another; ERR_OUT_OF_MEMORY: too many
   */
  async create(name, wanted) {
    const known = await this.#aboutOf(name);
    if (known) {
      for (const key of /** @type {const} */ (['dimensions', 'metric', 'dtype']))
        if (known[key] !== wanted[key])
          throw invalid(
            `${key} is ${show(wanted[key])}, but the index '${name}' is there, with ${show(known[key])}`,
            key,
          );
    } else if ((await this.names()).length >= kMostIndexes) {
      throw new GPUError('ERR_OUT_OF_MEMORY', `there are ${kMostIndexes} indexes, which is the most`);
    }
    const size = await this.#open(name, wanted, async (index) => index.size);
    if (!known) await this.#store((store) => store.put(kPrefix + name, JSON.stringify(wanted)));
    return { about: { ...wanted, size }, created: !known };
  }

  /**
   * @template Result
   * @param {string} name
   * @param {(index: VectorIndex) => Promise<Result>} work
   * @returns {Promise<Result>}
   * @throws {GPUError} (rejects with) ERR_NOT_FOUND
   */
  async use(name, work) {
    const about = await this.#aboutOf(name);
    if (!about) {
      const error = new GPUError('ERR_NOT_FOUND', `there is no index ${show(name)}: index_create makes one`);
      error.argument = 'index';
      throw error;
    }
    return this.#open(name, about, work);
  }

  /** All there are. */
  async names() {
    const keys = await this.#store((store) => store.list({ prefix: kPrefix, limit: kMostIndexes }));
    return keys.map((key) => key.slice(kPrefix.length));
  }

  /**
   * All there are, with the sizes of those that are open; where none was made yet, nothing is opened.
   * @returns {Promise<{ name: string, isOpen: boolean }[]>}
   */
  async list() {
    if (!fs.existsSync(this.#folder)) return [];
    const open = await this.#opened.look((index) => {
      const { size, memory } = index.stats();
      return { size, bytes: memory.segments + memory.ids };
    });
    const abouts = await Promise.all((await this.names()).map((name) => this.about(name)));
    return abouts.map((about) => ({ ...about, isOpen: open.has(about.name), ...open.get(about.name) }));
  }

  /**
   * @param {string} name
   * @returns {Promise<About|undefined>} undefined: there is no such index
   */
  async #aboutOf(name) {
    const kept = await this.#store((store) => store.get(kPrefix + name));
    return kept && JSON.parse(kept.toString());
  }

  /**
   * What an index was made with.
   * @param {string} name
   * @returns {Promise<About & { name: string }>}
   */
  async about(name) {
    const about = await this.#aboutOf(name);
    return { name, .../** @type {About} */ (about) };
  }

  /**
   * @template Result
   * @param {(store: Store) => Promise<Result>} work
   */
  #store(work) {
    return this.#stores.use('indexes', () => this.#manager.openStore(this.#folder), work);
  }

  /**
   * @template Result
   * @param {string} name
   * @param {About} about
   * @param {(index: VectorIndex) => Promise<Result>} work
   */
  #open(name, about, work) {
    const open = () => this.#store((store) => this.#manager.createIndex({ ...about, store, name }));
    return this.#opened.use(name, open, work);
  }

  /** Closes all of them, then their store. */
  async close() {
    await this.#opened.close();
    await this.#stores.close();
  }
}

module.exports = { Indexes };
