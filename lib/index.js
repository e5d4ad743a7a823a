// The public face of switchyard; types in index.d.ts.
'use strict';
const { devices, checkGPUCapabilities, createContext, GPUContext } = require('./context');
const { DeviceTensor, Kernel, Shader, SharedTensor, tensor } = require('./call');
const { GPUError, ResourceError } = require('./core');
const { createGPUClusterManager, GPUClusterManager } = require('./cluster');
const { encodePNG } = require('./program');
const { createMemory, Memory, openStore, restoreStore, Store } = require('./memory');
const { createIndex, VectorIndex, createService, EmbeddingService } = require('./memory');
const { hpcServiceFactory, processEmbeddings } = require('./memory');
const { loadModel, defaultModel, TextModel } = require('./text');

// Written so that `import { tensor } from 'switchyard'` finds the names.
module.exports = {
  devices,
  checkGPUCapabilities,
  tensor,
  createContext,
  GPUContext,
  DeviceTensor,
  GPUError,
  ResourceError,
  createGPUClusterManager,
  GPUClusterManager,
  SharedTensor,
  Kernel,
  Shader,
  encodePNG,
  loadModel,
  defaultModel,
  TextModel,
  processEmbeddings,
  createService,
  hpcServiceFactory,
  EmbeddingService,
  createIndex,
  VectorIndex,
  openStore,
  restoreStore,
  Store,
  createMemory,
  Memory,
};
