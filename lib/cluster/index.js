// The cluster: one manager in each process.
'use strict';
const { createGPUClusterManager, GPUClusterManager } = require('./manager');

module.exports = { createGPUClusterManager, GPUClusterManager };
