// What is counted: a process's status page, the sums over the cluster, and Prometheus' text.
'use strict';
const { Metrics, MetricsBlock } = require('./metrics');
const statusPage = require('./status-page');

module.exports = { Metrics, MetricsBlock, statusPage };
