// What is counted: a process's status page, the sums over the cluster, and Prometheus' text.
'use strict';
const { readCards } = require('./cards');
const { minuteCounts, lastMinute } = require('./last-minute');
const { Metrics, MetricsBlock } = require('./metrics');
const statusPage = require('./status-page');

module.exports = { Metrics, MetricsBlock, statusPage, readCards, minuteCounts, lastMinute };
