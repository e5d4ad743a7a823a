// The public face of switchyard; types in index.d.ts.
'use strict';
const { devices, checkGPUCapabilities } = require('./capabilities');
const { createContext, GPUContext } = require('./context');
const { DeviceTensor } = require('./device-tensor');
const { GPUError } = require('./errors');
const { createGPUClusterManager, GPUClusterManager } = require('./manager');
const { encodePNG } = require('./picture');
const { Kernel, Shader } = require('./program');
const { SharedTensor } = require('./shared-tensor');
const { tensor } = require('./tensor');

// Written so that `import { tensor } from 'switchyard'` finds the names.
module.exports = { devices, checkGPUCapabilities, tensor, createContext, GPUContext, DeviceTensor, GPUError, createGPUClusterManager, GPUClusterManager, SharedTensor, Kernel, Shader, encodePNG };
