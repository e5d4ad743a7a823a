// Workers of another version, messages that are not for the cluster, and strangers at its address.
'use strict';
const cluster = require('node:cluster');
const gpu = require('../../../..');
const { sleep } = require('../../waiting');
const { abstractNames } = require('../../processes');
const { one, print, double, nextMessage, say } = require('./scenario');

// Each scenario: what the primary does, and what its workers do.
module.exports = {
  // A worker says hello as one of another version would.
  version: {
    async primary() {
      const manager = gpu.createGPUClusterManager(one);
      const worker = cluster.fork();
      print(await nextMessage(worker));
      await manager.close({ drain: false });
      worker.disconnect();
    },
    async worker() {
      const manifest = require('../../../../package.json');
      delete require.cache[require.resolve('../../../../lib/cluster/wire/handshake.js')];
      const { version } = manifest;
      manifest.version = '99.1.2';
      const { askToJoin } = require('../../../../lib/cluster/wire/handshake.js');
      const error = await askToJoin().catch((caught) => caught);
      say({ code: error.code, message: error.message, version });
    },
  },
  // Messages on the channel that are nobody's business, both ways, before and while the cluster works.
  strangers: {
    async primary() {
      const odd = [
        'switchyard:hello',
        5,
        null,
        [],
        {},
        { type: 5 },
        { type: 'switchyard:hello' },
        { type: 'switchyard:hello', version: 5 },
        { type: 'switchyard:hello', version: 'x'.repeat(5000) },
        { type: 'switchyard:hello', version: { toString: 1 } },
        { type: 'switchyard:welcome' },
        { type: 'switchyard:welcome', address: 5, key: [], slot: 'x' },
        { type: 'switchyard:refused' },
        { type: 'switchyard:refused', reason: 5 },
        { type: 'switchyard:nothing', version: '1' },
        { type: '__proto__', version: '1' },
      ];
      process.env.ODD = JSON.stringify(odd);
      const manager = gpu.createGPUClusterManager(one);
      const worker = cluster.fork();
      const said = nextMessage(worker);
      let seen = 0;
      worker.on('message', (message) => {
        if (message?.said === undefined) ++seen;
      });
      for (const message of odd) worker.send(message ?? 'null');
      const first = await said;
      for (const message of odd) worker.send(message ?? 'null');
      const result = await double(manager);
      worker.send('again');
      const second = await nextMessage(worker);
      print({
        first,
        second,
        result,
        reachedTheApplication: seen >= odd.length,
        workers: (await manager.health()).workers.length,
      });
      await manager.close();
      worker.disconnect();
    },
    async worker() {
      const odd = JSON.parse(process.env.ODD);
      for (const message of odd) process.send(message ?? 'null');
      const manager = gpu.createGPUClusterManager(one);
      for (const message of odd) process.send(message ?? 'null');
      process.on('message', async (message) => {
        if (message === 'again') say(await double(manager));
      });
      say(await double(manager));
    },
  },
  // Somebody who finds the address of the cluster: without the key it is turned away, and what it writes does no harm.
  intruder: {
    async primary() {
      const { native } = require('../../../../lib/addon/native');
      const before = new Set(abstractNames());
      const manager = gpu.createGPUClusterManager({ ...one, workers: 1 });
      await manager.ready;
      const [address] = abstractNames().filter((each) => !before.has(each));
      const results = { found: Boolean(address), named: /switchyard/.test(address) };
      const { Channel } = require('../../../../lib/cluster/wire/channel');
      const attempts = [
        [8, 1, 1, 2, 3, 4, 1, 0],
        [8, 1, 1, 2, 3, 4, 0, 1],
        [3, 2, 5],
        [2, 11],
        [1e300],
        [0],
        [-5, 1],
        [NaN, NaN, NaN],
        [8, 1, 0, 0, 0, 0, NaN, NaN],
        Array.from({ length: 4000 }, (_, i) => i),
        [4, 9, 16, 0],
      ];
      results.ends = 0;
      for (const numbers of attempts) {
        const ended = new Promise((resolve) => {
          const channel = new Channel(native.connect(address), {
            onMessage: () => {},
            onEnd: () => resolve(1),
            onError: () => {},
          });
          channel.ref();
          channel.post(new Float64Array(numbers));
          channel.flush();
        });
        results.ends += await Promise.race([ended, sleep(1000).then(() => 0)]);
      }
      // And several that say nothing.
      const silent = Array.from({ length: 20 }, () => native.connect(address));
      results.job = await double(manager);
      for (const fd of silent) native.closeDescriptor(fd);
      results.workers = (await manager.health()).workers.length;
      results.attempts = attempts.length;
      try {
        native.connect(`${address}x`);
      } catch (error) {
        results.leaks = error.message.includes(address);
      }
      print(results);
      await manager.close();
      results.left = abstractNames().includes(address);
      print({ left: results.left });
    },
  },
};
