// The cluster: one manager in each process.
'use strict';
const { createGPUClusterManager, currentManager, GPUClusterManager, insideOf } = require('./manager');
const { checkOptions } = require('./worker');

module.exports = { createGPUClusterManager, currentManager, GPUClusterManager, insideOf, checkOptions };
