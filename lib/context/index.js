// Contexts of this process, and the devices they are opened on.
'use strict';
const { devices, checkGPUCapabilities } = require('./capabilities');
const { openContext, GPUContext, takeOutput, lastRun, createContext } = require('./context');

module.exports = { devices, checkGPUCapabilities, openContext, GPUContext, takeOutput, lastRun, createContext };
