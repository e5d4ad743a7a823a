// The store of objects by key, below MEMORY_DIR.
'use strict';
const path = require('node:path');
const { Opened } = require('./opened');

/** @typedef {import('../../index').Store} Store */

class Objects {
  /** @type {Opened<Store>} */
  #opened = new Opened();
  #manager;
  #folder;

  /**
   * @param {import('../parts').Manager} manager
   * @param {import('../parts').Config} config
   */
  constructor(manager, { memoryDir }) {
    this.#manager = manager;
    this.#folder = path.join(memoryDir, 'objects');
  }

  /**
   * @template Result
   * @param {(store: Store) => Promise<Result>} work
   * @returns {Promise<Result>}
   */
  use(work) {
    return this.#opened.use('objects', () => this.#manager.openStore(this.#folder), work);
  }

  /** Closes it. */
  close() {
    return this.#opened.close();
  }
}

module.exports = { Objects };
