// The memory system on a manager: what it offers of the room for memory, which lies above the cluster.
'use strict';
const { makeOn } = require('../core');
const { ManagerModels } = require('./manager-models');

/** @typedef {import('../core').GPUError} GPUError */

class ManagerMemory extends ManagerModels {
  /**
   * Opens a store in a folder, as `openStore` of the package does: one process at a time writes to it.
   * @param {string|URL} path the folder
   * @param {import('../index').StoreOptions} [options] durable (true), readOnly (false), limit
   * @returns {Promise<import('../index').Store>}
   * @throws {GPUError} (rejects with) ERR_LOCKED: it is open for writing already; ERR_DAMAGED; ERR_INVALID_ARGUMENT:
   *   the folder is no store, or may not be written; ERR_UNSUPPORTED: it is of a newer version, or of a machine with
   *   another byte order; ERR_OUT_OF_MEMORY
   * @example
   * const store = await manager.openStore('./data');
   * await store.put('greeting', 'hello');
   * await store.close();
   */
  async openStore(path, options) {
    const made = /** @type {unknown} */ (await makeOn('openStore', this, path, options));
    return /** @type {import('../index').Store} */ (made);
  }

  /**
   * Makes a store of a snapshot, as `restoreStore` of the package does.
   * @param {string|URL} snapshot
   * @param {string|URL} path where the store is to be: a folder that is not there
   * @returns {Promise<void>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: there is no snapshot, or something where the store is to
   *   be; ERR_DAMAGED; ERR_UNSUPPORTED; ERR_OUT_OF_MEMORY
   * @example
   * await manager.restoreStore('./snapshot', './another');
   */
  async restoreStore(snapshot, path) {
    await makeOn('restoreStore', this, snapshot, path);
  }
}

module.exports = { ManagerMemory };
