// The cluster: one manager in each process.
'use strict';
const { createGPUClusterManager, GPUClusterManager, forModels } = require('./manager');

module.exports = { createGPUClusterManager, GPUClusterManager, forModels };
