// How clusters begin: who makes a manager first, who forks, and who is on its own.
'use strict';
const cluster = require('node:cluster');
const { parentPort } = require('node:worker_threads');
const gpu = require('../../../..');
const { scale } = require('../../jobs');
const { sleep, until } = require('../../waiting');
const { memories } = require('../../processes');
const { one, print, double, inThread, nextMessage, say } = require('./scenario');

function block(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

// Each scenario: what the primary does, and what its workers do.
module.exports = {
  'manager-first': {
    async primary() {
      const manager = gpu.createGPUClusterManager(one);
      const early = double(manager);
      const workers = [cluster.fork(), cluster.fork()];
      const said = await Promise.all(workers.map(nextMessage));
      await until(() => manager.contexts().filter(({ isActive }) => isActive).length === 2);
      print({
        role: manager.role,
        early: await early,
        late: await double(manager),
        said,
        contexts: manager
          .contexts()
          .map(({ id }) => id)
          .sort(),
      });
      await manager.close();
      for (const worker of workers) worker.disconnect();
    },
    async worker() {
      const manager = gpu.createGPUClusterManager(one);
      say([manager.role, await double(manager), manager.role]);
    },
  },
  'fork-first': {
    async primary() {
      const workers = [cluster.fork(), cluster.fork()];
      await sleep(300);
      const manager = gpu.createGPUClusterManager(one);
      const said = await Promise.all(workers.map(nextMessage));
      print({ role: manager.role, late: await double(manager), said });
      await manager.close();
      for (const worker of workers) worker.disconnect();
    },
    async worker() {
      const manager = gpu.createGPUClusterManager(one);
      say([manager.role, await double(manager), manager.role]);
    },
  },
  newcomer: {
    async primary() {
      const manager = gpu.createGPUClusterManager(one);
      const first = cluster.fork();
      await nextMessage(first);
      const second = cluster.fork();
      print({ said: await nextMessage(second) });
      await manager.close();
      for (const worker of [first, second]) worker.disconnect();
    },
    async worker() {
      const manager = gpu.createGPUClusterManager(one);
      say(await double(manager));
    },
  },
  // Neither a worker that reads its own data first nor a primary that does is any sign that nobody coordinates.
  'busy-at-first': {
    async primary() {
      const which = process.argv[3];
      const manager = gpu.createGPUClusterManager(one);
      const worker = cluster.fork({ BUSY: which });
      const said = nextMessage(worker);
      if (which === 'primary') {
        await new Promise((resolve) => worker.once('online', resolve));
        block(2000);
      }
      print(await said);
      await manager.close();
      worker.disconnect();
    },
    async worker() {
      const manager = gpu.createGPUClusterManager(one);
      if (process.env.BUSY === 'worker') block(2000);
      say([await double(manager), manager.role]);
    },
  },
  'built-in': {
    async primary() {
      const manager = gpu.createGPUClusterManager({ ...one, workers: 2 });
      print({ early: await double(manager), role: manager.role });
      await manager.ready;
      print({
        contexts: manager
          .contexts()
          .map(({ id }) => id)
          .sort(),
        memories: memories() > 0,
      });
      await manager.close();
    },
  },
  'two-kinds': {
    async primary() {
      const manager = gpu.createGPUClusterManager({ logLevel: 'silent', workers: 1 });
      await manager.ready;
      const types = [...new Set(manager.contexts().map(({ contextType }) => contextType))];
      const ran = [];
      const switches = [];
      manager.on('context-switch', (event) => switches.push(event));
      for (const contextType of types) {
        const result = await manager.executeWorkload(scale(new Float32Array(3)), { contextType });
        ran.push([contextType, result.contextType, result.deviceName.length > 0]);
      }
      await sleep(20);
      print({ types, ran, switches, ids: manager.contexts().map(({ id }) => id) });
      await manager.close();
    },
  },
  'no-coordinator': {
    primary() {
      cluster
        .fork()
        .on('message', ({ said }) => {
          if (said) print(said);
        })
        .on('exit', (code) => print({ code }));
    },
    async worker() {
      const warnings = [];
      process.on('warning', ({ code, message }) => warnings.push({ code, message }));
      const manager = gpu.createGPUClusterManager(one);
      const result = await double(manager);
      say({ role: manager.role, result, warnings, contexts: manager.contexts().map(({ id }) => id) });
      await manager.close();
      process.disconnect();
    },
  },
  thread: {
    async primary() {
      print(await inThread('thread'));
    },
    async thread() {
      const manager = gpu.createGPUClusterManager(one);
      const result = await double(manager);
      await manager.close();
      parentPort.postMessage([manager.role, result]);
    },
  },
  // Threads in the primary and in a worker of a cluster are on their own; the cluster does not notice.
  'threads-in-a-cluster': {
    async primary() {
      const manager = gpu.createGPUClusterManager(one);
      const worker = cluster.fork();
      const [said, mine] = await Promise.all([nextMessage(worker), inThread('thread')]);
      print({ said, mine, result: await double(manager) });
      await manager.close();
      worker.disconnect();
    },
    async worker() {
      const manager = gpu.createGPUClusterManager(one);
      const [thread, result] = await Promise.all([inThread('thread'), double(manager)]);
      say([manager.role, result, thread]);
    },
    async thread() {
      await module.exports.thread.thread();
    },
  },
};
