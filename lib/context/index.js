// Contexts of this process, and the devices they are opened on.
'use strict';
const { devices, findDevices, checkGPUCapabilities } = require('./capabilities');
const { GPUContext } = require('./context');
const { createContext, openContext } = require('./open-context');

module.exports = { devices, findDevices, checkGPUCapabilities, GPUContext, createContext, openContext };
