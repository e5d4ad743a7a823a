// The cluster: one manager in each process.
'use strict';
const { createGPUClusterManager, GPUClusterManager, insideOf } = require('./manager');
const { checkOptions } = require('./worker');

module.exports = { createGPUClusterManager, GPUClusterManager, insideOf, checkOptions };
