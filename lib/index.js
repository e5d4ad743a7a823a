// The public face of switchyard; types in index.d.ts.
'use strict';
const { devices, checkGPUCapabilities } = require('./context/capabilities');
const { createContext, GPUContext } = require('./context/context');
const { DeviceTensor } = require('./call/device-tensor');
const { GPUError } = require('./core/errors');
const { createGPUClusterManager, GPUClusterManager } = require('./cluster/manager');
const { encodePNG } = require('./program/picture');
const { Kernel, Shader } = require('./call/program');
const { SharedTensor } = require('./call/shared-tensor');
const { tensor } = require('./call/tensor');

// Written so that `import { tensor } from 'switchyard'` finds the names.
module.exports = { devices, checkGPUCapabilities, tensor, createContext, GPUContext, DeviceTensor, GPUError, createGPUClusterManager, GPUClusterManager, SharedTensor, Kernel, Shader, encodePNG };
