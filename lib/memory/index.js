// Memory: indexes of vectors, embeddings made ready, a service of them, documents.
'use strict';
const { useMaker } = require('../core');
const { processEmbeddings, pipelineOf } = require('./embeddings');
const { createService, createServiceOn, hpcServiceFactory, EmbeddingService } = require('./service');
const { createIndex, VectorIndex } = require('./vectors');

/** @typedef {import('../cluster/manager').GPUClusterManager} Manager */

// What those methods of a manager do.
useMaker('processEmbeddings', (owner, request, options) => pipelineOf(owner).process(request, options));
useMaker('createService', (owner, options) => createServiceOn(/** @type {Manager} */ (owner), options));

module.exports = {
  processEmbeddings,
  createService,
  hpcServiceFactory,
  EmbeddingService,
  createIndex,
  VectorIndex,
};
