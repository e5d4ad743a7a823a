// A cluster whose processes do what the test says: functions come as text, and run in the process that is named. The
// primary's forks are told by it.
'use strict';
const cluster = require('node:cluster');
const vm = require('node:vm');
const gpu = require('../../../..');

const manager = gpu.createGPUClusterManager(JSON.parse(process.env.SWITCHYARD_OPTIONS ?? '{}'));
/** What the functions share in this process. */
const state = { gpu, manager, kept: {}, require };

async function run({ id, source, given }, answer) {
  try {
    const value = await vm.runInThisContext(`(${source})`)(state, ...given);
    answer({ id, value });
  } catch (error) {
    const { code, message, argument, stack } = error;
    answer({ id, error: { code, message, argument, isOurs: error instanceof gpu.GPUError, stack } });
  }
}

if (cluster.isPrimary) {
  cluster.setupPrimary({ serialization: 'advanced' });
  cluster.on('message', (worker, message) => {
    if (message.id !== undefined) process.send(message);
  });
  cluster.on('exit', ({ id }, code, signal) => process.send({ exited: id, code, signal }));
  process.on('message', (message) => {
    const { to, fork } = message;
    if (fork) {
      const worker = cluster.fork(fork);
      worker.once('online', () => {
        process.send({ id: message.id, value: { worker: worker.id, pid: worker.process.pid } });
      });
    } else if (to) {
      const worker = cluster.workers[to];
      const gone = () => process.send({ id: message.id, error: { code: 'GONE', message: 'the worker has ended' } });
      if (worker?.isConnected()) worker.send(message, (error) => error && gone());
      else gone();
    } else run(message, (answer) => process.send(answer));
  });
  process.on('disconnect', () => process.exit());
} else {
  process.on('message', (message) => message.source && run(message, (answer) => process.send(answer)));
}
