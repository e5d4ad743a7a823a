// How clusters end: unused, closed, exited, killed.
'use strict';
const cluster = require('node:cluster');
const gpu = require('../../../..');
const { slowJob, scale } = require('../../jobs');
const { sleep, until } = require('../../waiting');
const { abstractNames } = require('../../processes');
const { entry, one, print, double, codeOf } = require('./scenario');

// Each scenario: what the primary does, and what its workers do.
module.exports = {
  // Nothing keeps a process alive but jobs under way.
  'idle-unused': {
    primary() {
      gpu.createGPUClusterManager(one);
    },
  },
  'idle-ready': {
    async primary() {
      const manager = gpu.createGPUClusterManager(one);
      await manager.ready;
      print(await double(manager));
    },
  },
  'idle-not-awaited': {
    primary() {
      gpu
        .createGPUClusterManager(one)
        .executeWorkload(slowJob(4))
        .then(({ outputs }) => print(outputs.sums.data.length));
    },
  },
  'idle-workers': {
    async primary() {
      const manager = gpu.createGPUClusterManager({ ...one, workers: 2 });
      await manager.ready;
      print(await double(manager));
    },
  },
  exit: {
    async primary() {
      const manager = gpu.createGPUClusterManager({ ...one, workers: 2 });
      await manager.ready;
      for (let i = 0; i < 20; ++i) manager.executeWorkload(slowJob(3)).catch(() => {});
      for (let i = 0; i < 200; ++i) manager.executeWorkload(scale(new Float32Array(10000))).catch(() => {});
      print(Object.values(cluster.workers).map(({ process: { pid } }) => pid));
      setTimeout(() => process.exit(7), Number(process.argv[3]));
    },
  },
  'standalone-exit': {
    primary() {
      const manager = gpu.createGPUClusterManager(one);
      for (let i = 0; i < 5; ++i) manager.executeWorkload(slowJob(3)).catch(() => {});
      setTimeout(() => process.exit(7), Number(process.argv[3]));
    },
  },
  // To be killed from outside.
  killed: {
    async primary() {
      const manager = gpu.createGPUClusterManager({ ...one, workers: 2, exec: entry });
      await manager.ready;
      const shared = manager.sharedTensor([1000]);
      for (let i = 0; i < 4; ++i) manager.executeWorkload(slowJob(200), { timeout: 60000 }).catch(() => {});
      const workers = Object.values(cluster.workers);
      workers[0].send('block');
      await sleep(150);
      print({
        pids: workers.map(({ process: { pid } }) => pid),
        names: abstractNames().length,
        tensor: shared.data.length,
      });
    },
    worker() {
      gpu.createGPUClusterManager(one);
      process.on('message', (message) => {
        while (message === 'block');
      });
    },
  },
  // The same while each worker's driver is in a launch of some seconds.
  'killed-in-launch': {
    async primary() {
      const manager = gpu.createGPUClusterManager({
        ...one,
        contextTypes: ['vulkan'],
        workers: 2,
        exec: entry,
      });
      await manager.ready;
      const rows = 3000,
        depth = 1024;
      const tensor = gpu.tensor(new Float32Array(rows * depth).fill(0.01), [1, rows, depth]);
      const attention = { type: 'attention', inputs: { query: tensor, key: tensor, value: tensor } };
      for (let i = 0; i < 2; ++i) manager.executeWorkload(attention, { timeout: 60000 }).catch(() => {});
      await until(() => manager.contexts().filter(({ state }) => state === 'busy').length === 2);
      await sleep(300);
      print({ pids: Object.values(cluster.workers).map(({ process: { pid } }) => pid) });
    },
    worker() {
      gpu.createGPUClusterManager({ ...one, contextTypes: ['vulkan'] });
    },
  },
  sigterm: {
    async primary() {
      const manager = gpu.createGPUClusterManager({ ...one, workers: 2 });
      await manager.ready;
      let done = 0;
      const failed = [];
      for (let i = 0; i < 8; ++i)
        manager
          .executeWorkload(slowJob(3))
          .then(
            () => ++done,
            ({ code }) => failed.push(code),
          )
          .then(() => {
            if (done + failed.length === 8) print({ done, failed });
          });
      process.on('exit', () => print({ pids: Object.values(cluster.workers).length }));
      print('go');
      await sleep(60);
      await until(() => process.env.NEVER, 1 << 30).catch(() => {});
    },
  },
  close: {
    async primary() {
      let manager = gpu.createGPUClusterManager({ ...one, workers: 2 });
      await manager.ready;
      const drained = Array.from({ length: 6 }, () => codeOf(manager.executeWorkload(slowJob(2))));
      const closing = manager.close({ drain: true });
      const same = manager.close() === closing;
      const during = await codeOf(manager.executeWorkload(scale(new Float32Array(2))));
      await closing;
      const drain = await Promise.all(drained);
      const after = [
        await codeOf(manager.executeWorkload(scale(new Float32Array(2)))),
        await codeOf(manager.getMetrics()),
        await codeOf(manager.health()),
        await codeOf(manager.close()),
      ];
      for (const use of [() => manager.sharedTensor([2]), () => manager.openTensor({})]) {
        try {
          use();
        } catch ({ code }) {
          after.push(code);
        }
      }
      const left = Object.keys(cluster.workers).length;
      // And once more, without waiting for what was given.
      const next = gpu.createGPUClusterManager({ ...one, workers: 2 });
      const isNew = next !== manager;
      manager = next;
      await manager.ready;
      const dropped = Array.from({ length: 6 }, () => codeOf(manager.executeWorkload(slowJob(40))));
      await sleep(100);
      const start = performance.now();
      await manager.close({ drain: false });
      print({
        same,
        during,
        drain,
        after,
        left,
        isNew,
        dropped: await Promise.all(dropped),
        quick: performance.now() - start < 3000,
        workers: Object.keys(cluster.workers).length,
      });
    },
  },
  'close-timeout': {
    async primary() {
      const manager = gpu.createGPUClusterManager(one);
      await manager.ready;
      const jobs = [codeOf(manager.executeWorkload(slowJob(200))), codeOf(manager.executeWorkload(slowJob(200)))];
      const start = performance.now();
      await manager.close({ drain: true, timeout: 100 });
      print({ codes: await Promise.all(jobs), took: performance.now() - start });
    },
  },
  'close-at-once': {
    async primary() {
      const results = [];
      for (const options of [one, { ...one, workers: 1 }]) {
        const manager = gpu.createGPUClusterManager(options);
        const job = codeOf(manager.executeWorkload(scale(new Float32Array(2))));
        await manager.close({ drain: false });
        results.push(await job, await codeOf(manager.ready));
        const idle = gpu.createGPUClusterManager(options);
        await idle.close();
      }
      print(results);
    },
  },
};
