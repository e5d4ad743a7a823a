// Memory: stores, indexes of vectors, embeddings made ready, a service of them, documents.
'use strict';
const { useMaker } = require('../core');
const { createMemory, createMemoryOn, Memory } = require('./documents');
const { processEmbeddings, pipelineOf } = require('./embeddings');
const { createService, createServiceOn, hpcServiceFactory, EmbeddingService } = require('./service');
const { openStore, restoreStore, Store } = require('./store');
const { createIndex, VectorIndex } = require('./vectors');

/** @typedef {import('../cluster/manager').GPUClusterManager} Manager */

// What those methods of a manager do.
useMaker('processEmbeddings', (owner, request, options) => pipelineOf(owner).process(request, options));
useMaker('createService', (owner, options) => createServiceOn(/** @type {Manager} */ (owner), options));
useMaker('createMemory', (owner, options) => createMemoryOn(/** @type {Manager} */ (owner), options));
useMaker('openStore', (_owner, path, options) => openStore(path, options));
useMaker('restoreStore', (_owner, snapshot, path) => restoreStore(snapshot, path));

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
