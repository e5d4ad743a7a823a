// The cluster: one manager in each process.
'use strict';
const { createGPUClusterManager, GPUClusterManager, insideOf } = require('./manager');

module.exports = { createGPUClusterManager, GPUClusterManager, insideOf };
