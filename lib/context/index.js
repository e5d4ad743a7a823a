// Contexts of this process, and the devices they are opened on.
'use strict';
const { devices, checkGPUCapabilities } = require('./capabilities');
const { GPUContext } = require('./context');
const { createContext, openContext } = require('./open-context');

module.exports = { devices, checkGPUCapabilities, GPUContext, createContext, openContext };
