// `switchyard run` asked of a server by its methods: one workload, or one in each line of a file.
'use strict';
const { invalid, show } = require('../../core');
const { openServer, withServer } = require('./connect');
const { each } = require('./each');

/** @typedef {import('./connect').ServerOptions & { device?: string, timeout?: number, repeat: number }} Options */

/**
 * What the server is told of the job.
 * @param {Options} options
 * @param {object} [jobOptions]
 */
function jobOf({ device, timeout }, jobOptions = {}) {
  if (device !== undefined && device !== 'auto' && !['cuda', 'vulkan', 'cpu'].includes(device))
    throw invalid(`a server chooses the device: --device is ${show(device)}, but must be cuda, vulkan or cpu`);
  return {
    ...jobOptions,
    ...(device && device !== 'auto' ? { contextType: device } : {}),
    ...(timeout ? { timeout } : {}),
  };
}

/**
 * @param {Options} options
 * @param {object} jobOptions
 * @returns {import('../run').Runner}
 */
function runner(options, jobOptions) {
  // What is repeated is measured: nothing that is kept may answer it.
  const { call, server, close } = openServer({ ...options, cache: options.cache && options.repeat === 1 });
  const job = jobOf(options, jobOptions);
  return {
    where: server,
    url: server,
    run: (workload) => call('executeWorkload', { ...workload, options: job }),
    close,
  };
}

/**
 * A workload in each line: a line of JSON for each, with its outputs as lists.
 * @param {string} file - for stdin
 * @param {Options} options
 */
async function runLines(file, options) {
  const { readFileSync } = require('node:fs');
  const { printJsonLine } = require('../texts');
  const lines = readFileSync(file === '-' ? 0 : file, 'utf8').split(/\r?\n/);
  const workloads = lines.flatMap((line, i) => {
    if (line.trim() === '') return [];
    try {
      return [JSON.parse(line)];
    } catch (error) {
      throw invalid(`line ${i + 1} of ${file} is no JSON: ${error.message}`);
    }
  });
  if (workloads.length === 0) throw invalid(`${file} has no workload`);
  await withServer(options, async (call) => {
    const results = await each(workloads, options.parallel, (workload) =>
      call('executeWorkload', { ...workload, options: jobOf(options, workload.options) }),
    );
    for (const { outputs, ...rest } of results) {
      const plain = Object.entries(outputs).map(([name, tensor]) => {
        const { data, shape, dtype } = /** @type {import('../../index').Tensor} */ (tensor);
        return [name, { data: Array.from(data), shape, dtype }];
      });
      printJsonLine({ ...rest, outputs: Object.fromEntries(plain) });
    }
  });
}

module.exports = { runner, runLines };
