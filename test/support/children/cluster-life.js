// How clusters begin and end: node cluster-life.js <scenario>. Prints JSON; what the other processes of the cluster say
// comes on stderr.
'use strict';
const cluster = require('node:cluster');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { slowJob, scale, sleep, until, abstractNames, memories } = require('../cluster-kit');
const gpu = require('../../..');

const name = (process.env.SCENARIO ??= process.argv[2]);
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
    const thread = new Worker(__filename, { workerData });
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

// Each scenario: what the primary does, and what its workers do.
const scenarios = {
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
      await scenarios.thread.thread();
    },
  },
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
  'lone-exit': {
    primary() {
      const manager = gpu.createGPUClusterManager(one);
      for (let i = 0; i < 5; ++i) manager.executeWorkload(slowJob(3)).catch(() => {});
      setTimeout(() => process.exit(7), Number(process.argv[3]));
    },
  },
  // To be killed from outside.
  killed: {
    async primary() {
      const manager = gpu.createGPUClusterManager({ ...one, workers: 2, exec: __filename });
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
      const manifest = require('../../../package.json');
      delete require.cache[require.resolve('../../../lib/cluster/wire/handshake.js')];
      const { version } = manifest;
      manifest.version = '99.1.2';
      const { askToJoin } = require('../../../lib/cluster/wire/handshake.js');
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
      const { native } = require('../../../lib/addon/native');
      const before = new Set(abstractNames());
      const manager = gpu.createGPUClusterManager({ ...one, workers: 1 });
      await manager.ready;
      const [address] = abstractNames().filter((each) => !before.has(each));
      const results = { found: Boolean(address), named: /switchyard/.test(address) };
      const { Channel } = require('../../../lib/cluster/wire/channel');
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

const { primary, worker, thread } = scenarios[name];
if (!isMainThread) thread();
else if (cluster.isPrimary) primary();
else worker?.();
