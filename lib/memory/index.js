// Memory: stores, indexes of vectors, embeddings made ready, a service of them, documents.
'use strict';
const { useMaker } = require('../core');
const { currentManager } = require('../cluster');
const { openStoreOn } = require('./cluster');
const { createMemory, createMemoryOn, Memory } = require('./documents');
const { processEmbeddings, pipelineOf } = require('./embeddings');
const { createService, createServiceOn, hpcServiceFactory, EmbeddingService } = require('./service');
const { openStore: openAlone, restoreStore, Store } = require('./store');
const { createIndex, VectorIndex } = require('./vectors');

/** @typedef {import('../cluster/manager').GPUClusterManager} Manager */

// What those methods of a manager do.
useMaker('processEmbeddings', (owner, request, options) => pipelineOf(owner).process(request, options));
useMaker('createService', (owner, options) => createServiceOn(/** @type {Manager} */ (owner), options));
useMaker('createMemory', (owner, options) => createMemoryOn(/** @type {Manager} */ (owner), options));
useMaker('openStore', (owner, path, options) => openStoreOn(/** @type {Manager} */ (owner), path, options));
useMaker('restoreStore', (_owner, snapshot, path) => restoreStore(snapshot, path));

/**
 * Opens a store in a folder, which becomes one where it is empty or is not there; in a process of a cluster that has a
 * manager, the one store that its processes share.
 * @param {string|URL} path
 * @param {import('../index').StoreOptions} [options] durable (true), readOnly (false), limit
 * @returns {Promise<Store>}
 * @throws {import('../core').GPUError} (rejects with) ERR_LOCKED: it is open for writing already; ERR_DAMAGED;
 *   ERR_INVALID_ARGUMENT: the folder is no store, or may not be written; ERR_UNSUPPORTED: it is of a newer version, or
 *   of a machine with another byte order; ERR_OUT_OF_MEMORY
 * @example
 * const store = await openStore('./data');
 * await store.put('greeting', 'hello');
 * await store.close();
 */
async function openStore(path, options) {
  const manager = currentManager();
  return manager ? openStoreOn(manager, path, options) : openAlone(path, options);
}

module.exports = {
  openStore,
  restoreStore,
  Store,
  createIndex,
  VectorIndex,
  processEmbeddings,
  createService,
  hpcServiceFactory,
  EmbeddingService,
  createMemory,
  Memory,
};
