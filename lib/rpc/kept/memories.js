// Memories of documents by name, each in a folder of its own below MEMORY_DIR.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { GPUError } = require('../../core');
const { Opened } = require('./opened');

/** @typedef {import('../../index').Memory} Memory */

const kMostMemories = 32; // open at a time
const kMostThere = 1000; // that there may be
const kFolder = 'memories';
const kFolderPrefix = 'm-';

class Memories {
  /** @type {Opened<Memory>} */
  #opened = new Opened(kMostMemories);
  #manager;
  #config;

  /**
   * @param {import('../parts').Manager} manager
   * @param {import('../parts').Config} config
   */
  constructor(manager, config) {
    this.#manager = manager;
    this.#config = config;
  }

  /**
   * Works with the memory of that name; there is a new one where there was none.
   * @template Result
   * @param {string|undefined} name letters, digits, '.', '_' and '-'
   * @param {(memory: Memory) => Promise<Result>} work
   * @returns {Promise<Result>}
   * @throws {GPUError} (rejects with) ERR_OUT_OF_MEMORY: there are too many
   */
  async use(name = 'memory', work) {
    const { memoryDir, textModel: model, textReranker: reranker } = this.#config;
    const folder = this.#folderOf(name);
    if (!fs.existsSync(folder)) {
      const there = await fs.promises.readdir(path.join(memoryDir, kFolder)).catch(() => []);
      if (there.length >= kMostThere)
        throw new GPUError('ERR_OUT_OF_MEMORY', `there are ${kMostThere} memories, which is the most`);
    }
    return this.#opened.use(name, () => this.#manager.createMemory({ path: folder, model, reranker }), work);
  }

  /**
   * As use(), but makes none: one that is not there is as good as an empty one.
   * @template Result
   * @param {string|undefined} name
   * @param {(memory: Memory) => Promise<Result>} work
   * @param {Result} otherwise where there is none
   * @returns {Promise<Result>}
   */
  async look(name = 'memory', work, otherwise) {
    return fs.existsSync(this.#folderOf(name)) ? this.use(name, work) : otherwise;
  }

  /**
   * All there are, with the sizes of those that are open.
   * @returns {Promise<{ name: string, isOpen: boolean }[]>}
   */
  async list() {
    const folders = await fs.promises.readdir(path.join(this.#config.memoryDir, kFolder)).catch(() => []);
    const open = await this.#opened.look(async (memory) => {
      const { documents, passages, dimensions } = await memory.stats();
      return { documents, passages, dimensions };
    });
    const names = folders
      .filter((each) => each.startsWith(kFolderPrefix))
      .map((each) => each.slice(kFolderPrefix.length));
    return names.sort().map((name) => ({ name, isOpen: open.has(name), ...open.get(name) }));
  }

  /**
   * A name of dots alone is no folder's, so it has something before it.
   * @param {string} name
   */
  #folderOf(name) {
    return path.join(this.#config.memoryDir, kFolder, kFolderPrefix + name);
  }

  /** Closes all. */
  close() {
    return this.#opened.close();
  }
}

module.exports = { Memories };
