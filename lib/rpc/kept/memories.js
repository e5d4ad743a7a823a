// Memories of documents by name, each in a folder of its own below MEMORY_DIR.
'use strict';
const path = require('node:path');
const { Opened } = require('./opened');

/** @typedef {import('../../index').Memory} Memory */

const kMostMemories = 32; // open at a time

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
   */
  use(name = 'memory', work) {
    const { memoryDir, textModel: model, textReranker: reranker } = this.#config;
    // A name of dots alone is no folder's.
    const folder = path.join(memoryDir, 'memories', `m-${name}`);
    return this.#opened.use(name, () => this.#manager.createMemory({ path: folder, model, reranker }), work);
  }

  /** Closes all. */
  close() {
    return this.#opened.close();
  }
}

module.exports = { Memories };
