// The public face of switchyard; types in index.d.ts.
'use strict';
const { devices, checkGPUCapabilities, createContext, GPUContext } = require('./context');
const { DeviceTensor, Kernel, Shader, SharedTensor, tensor } = require('./call');
const { GPUError } = require('./core');
const { createGPUClusterManager, GPUClusterManager } = require('./cluster');
const { openStore, restoreStore, Store, createIndex, VectorIndex } = require('./memory');
const { encodePNG } = require('./program');
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
  createGPUClusterManager,
  GPUClusterManager,
  SharedTensor,
  Kernel,
  Shader,
  encodePNG,
  loadModel,
  defaultModel,
  TextModel,
  createIndex,
  VectorIndex,
  openStore,
  restoreStore,
  Store,
};
