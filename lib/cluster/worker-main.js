// The built-in worker of createGPUClusterManager({ workers: N }): it only runs jobs.
'use strict';
const { errorText } = require('../core');
const { createGPUClusterManager } = require('.');
const { handedOptions } = require('../config');

// The primary decides when the end has come: a signal to the whole group, Ctrl-C for example, reaches it as well.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

createGPUClusterManager(handedOptions()).ready.catch((/** @type {import('../core/errors').GPUError} */ error) => {
  if (error.code === 'ERR_CLOSED') process.exit(0); // it was forked while the cluster was being closed
  process.stderr.write(`switchyard worker: ${errorText(error)}\n`);
  process.exit(1);
});
