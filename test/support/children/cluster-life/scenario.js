// What the scenarios of cluster-life.js have in common: their entry, small jobs, and what they print and say.
'use strict';

const { Worker } = require('node:worker_threads');
const { scale } = require('../../jobs');
const { childProgram } = require('../../paths');

const entry = childProgram('cluster-life.js');
const one = { contextTypes: ['cpu'], contextsPerWorker: 1, logLevel: 'silent' };
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const double = async (manager, options) => {
  const { outputs, workerId } = await manager.executeWorkload(scale(new Float32Array([1, 2, 3])), options);
  return [Array.from(outputs.output.data), workerId];
};
const codeOf = (promise) =>
  promise.then(
    () => 'done',
    ({ code }) => code,
  );
const inThread = (workerData) =>
  new Promise((resolve, reject) => {
    const thread = new Worker(entry, { workerData });
    thread.on('message', resolve).on('error', reject);
  });
const nextMessage = (worker) =>
  new Promise((resolve) => {
    worker.on('message', function listen(message) {
      if (message?.said === undefined) return;
      worker.removeListener('message', listen);
      resolve(message.said);
    });
  });
const say = (said) => process.send({ said });

module.exports = { entry, one, print, double, codeOf, inThread, nextMessage, say };
