// How clusters begin and end: node cluster-life.js <scenario>. Prints JSON; what the other processes of the cluster say
// comes on stderr. The scenarios are in cluster-life/.
'use strict';
const cluster = require('node:cluster');
const { isMainThread } = require('node:worker_threads');

const name = (process.env.SCENARIO ??= process.argv[2]);
const scenarios = {
  ...require('./cluster-life/beginning'),
  ...require('./cluster-life/strangers'),
  ...require('./cluster-life/ending'),
};

const { primary, worker, thread } = scenarios[name];
if (!isMainThread) thread();
else if (cluster.isPrimary) primary();
else worker?.();
