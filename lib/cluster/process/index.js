// What a process is in its cluster, from its start to its end: the coordinator's, a worker, or all there is.
'use strict';
const { ClusterProcess } = require('./cluster-process');

module.exports = { ClusterProcess };
