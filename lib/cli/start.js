// `switchyard start`: the options of the service on the command line.
'use strict';

/** Numbers as numbers; what is none stays as it is, to be refused with the setting's name. */
function number(/** @type {string} */ text) {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** @param {string} text */
function list(text) {
  return text.split(',').map((word) => word.trim());
}

/** @param {Record<string, any>} given */
async function start({ json, config, contexts, types, memoryLimit, ...rest }) {
  // The workers, and every part that opens devices, read the same file.
  if (config !== undefined) process.env.SWITCHYARD_CONFIG = require('node:path').resolve(config);
  const options = {
    ...rest,
    contextsPerWorker: contexts,
    contextTypes: types,
    memoryLimit: typeof memoryLimit === 'number' ? memoryLimit * 2 ** 20 : memoryLimit,
  };
  await require('../service').start(options, { json });
}

/** @param {import('commander').Command} program */
function addStart(program) {
  program
    .command('start')
    .description('start workers that serve jobs over HTTP, until a signal stops them')
    .option('--port <port>', 'where to listen (PORT, else 3000; 0: any that is free)', number)
    .option('--host <host>', 'the address to listen on (HOST, else 127.0.0.1; 0.0.0.0: reachable from everywhere)')
    .option('--workers <count>', 'processes (CLUSTER_WORKERS, else one a core, at most 8)', number)
    .option('--contexts <count>', 'contexts in each worker (GPU_CONTEXTS_PER_WORKER, else 2)', number)
    .option('--types <types>', 'their kinds, some of cuda,vulkan,cpu (default: the best, then another)', list)
    .option('--gpu-workers <count>', 'workers with contexts on one card (GPU_WORKERS, else automatic)', number)
    .option('--memory-limit <MB>', 'of a context (GPU_MEMORY_LIMIT, else 512)', number)
    .option('--max-concurrent <count>', 'jobs of a worker at a time (MAX_CONCURRENT_WORKLOADS, else 4)', number)
    .option('--queue-limit <count>', 'jobs that may wait (10000)', number)
    .option('--timeout <ms>', 'of a job that names none (WORKLOAD_TIMEOUT, else 30000)', number)
    .option('--log-level <level>', 'trace, debug, info, warn, error, fatal or silent (LOG_LEVEL, else info)')
    .option('--config <file>', 'the config file (SWITCHYARD_CONFIG, else switchyard.config.yaml)')
    .option('--json', 'say that it is ready as one line of JSON')
    .addHelpText('after', '\nExit codes: 0 stopped by a signal, 1 it could not start, 2 wrong usage.')
    .action(start);
}

module.exports = { addStart };
