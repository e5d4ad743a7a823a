// Two workers and the primary: affinity, equal jobs that share a run, and memory that all of them see.
'use strict';
const cluster = require('node:cluster');
const { random } = require('../../random-data');
const { assert, failure, expectClose } = require('../../assertions');
const { sleep, until } = require('../../waiting');
const { slowJob, scale } = require('../../jobs');
const { memories } = require('../../processes');

exports.options = { workers: 2, contextTypes: ['cpu'], contextsPerWorker: 1 };

const held = new Map();
let given;
exports.inWorker = {
  contextFor: async ({ manager }, affinity) =>
    (await manager.executeWorkload(scale(new Float32Array(5)), { affinity })).contextId,
  equal: async ({ manager }, mark) => {
    const { outputs, cached, contextId } = await manager.executeWorkload(slowJob(12), { cache: true });
    const before = Array.from(outputs.sums.data.slice(0, 3));
    outputs.sums.data.fill(mark);
    return { before, cached, contextId, length: outputs.sums.data.length };
  },
  // Handles over Node's own channel.
  take: ({ manager }, name, handle) => {
    held.set(name, manager.openTensor(handle));
    return Array.from(held.get(name).data.slice(0, 4));
  },
  make: ({ manager }, name, shape, value) => {
    const tensor = manager.sharedTensor(shape);
    tensor.data.fill(value);
    held.set(name, tensor);
    return tensor.handle;
  },
  write: (_, name, value) => {
    held.get(name).data.fill(value);
  },
  read: (_, name) => Array.from(held.get(name).data.slice(0, 4)),
  sealed: (_, name) => held.get(name).sealed,
  release: (_, name) => {
    held.get(name).release();
  },
  open: async ({ manager }, handle) => {
    try {
      manager.openTensor(handle).release();
      return 'opened';
    } catch (error) {
      return error.code;
    }
  },
  compute: async ({ manager }, name, into) => {
    const { outputs } = await manager.executeWorkload(
      scale(held.get(name), 10),
      into ? { into: { output: held.get(into) }, affinity: 'elsewhere' } : { affinity: 'elsewhere' },
    );
    return Array.from(outputs.output.data.slice(0, 4));
  },
  onMessage: ({ manager }) => {
    process.on('message', (message) => {
      if (message?.myTensor) given = manager.openTensor(message.myTensor);
    });
  },
  given: () => given && Array.from(given.data.slice(0, 2)),
  memories: () => memories(),
};

exports.cases = {
  'jobs of one affinity go to one context, whoever asks': async (trial) => {
    for (const name of ['a', 'b', 'c']) {
      const asked = [trial.call(0, 'contextFor', name), trial.call(1, 'contextFor', name)];
      for (let i = 0; i < 10; ++i)
        asked.push(
          trial.manager.executeWorkload(scale(random(5)), { affinity: name }).then(({ contextId }) => contextId),
        );
      assert.equal(new Set(await Promise.all(asked)).size, 1, `${await Promise.all(asked)}`);
    }
  },

  'without one, jobs spread over the contexts': async ({ manager }) => {
    const results = await Promise.all([1, 2].map(() => manager.executeWorkload(slowJob(6))));
    assert.deepEqual(results.map(({ workerId }) => workerId).sort(), [1, 2]);
  },

  'equal jobs of two workers share one run, each with its own copy': async (trial) => {
    const ran = async () => trial.manager.contexts().reduce((sum, { jobsRun }) => sum + jobsRun, 0);
    const before = await ran();
    const results = await Promise.all([trial.call(0, 'equal', 5), trial.call(1, 'equal', 6)]);
    assert.deepEqual(results.map(({ cached }) => cached).sort(), [false, true]);
    assert.equal(results[0].contextId, results[1].contextId);
    for (const { before: sums, length } of results) assert.deepEqual([sums, length], [[1, 1, 1], 1024]);
    assert.equal((await ran()) - before, 1);
  },

  'equal jobs of one process as well, and unequal ones do not': async ({ manager }) => {
    const input = random(1 << 16);
    const jobs = [0, 1, 2].map(() => manager.executeWorkload(slowJob(6), { cache: true }));
    const others = [2, 3].map((factor) => manager.executeWorkload(scale(input, factor), { cache: true }));
    const results = await Promise.all(jobs);
    assert.equal(results.filter(({ cached }) => cached).length, 2);
    results[0].outputs.sums.data.fill(0);
    assert.ok(results[1].outputs.sums.data.every((x) => x === 1) && results[2].outputs.sums.data.every((x) => x === 1));
    const [two, three] = await Promise.all(others);
    expectClose(
      two.outputs.output.data,
      input.map((x) => 2 * x),
    );
    expectClose(
      three.outputs.output.data,
      input.map((x) => 3 * x),
    );
    assert.deepEqual([two.cached, three.cached], [false, false]);
    assert.match(await manager.prometheus(), /^switchyard_cache_hits_total [1-9]/m);
  },

  'a follower gets its result though the first was given up': async ({ manager }) => {
    const controller = new AbortController();
    const first = failure(
      manager.executeWorkload(slowJob(20), { cache: true, signal: controller.signal }),
      'ERR_CANCELED',
    );
    await sleep(30);
    const second = manager.executeWorkload(slowJob(20), { cache: true });
    const into = new Float32Array(1024);
    const third = manager.executeWorkload(slowJob(20), { cache: true, into: { sums: into } });
    await sleep(30);
    controller.abort();
    await (
      await first
    ).released;
    assert.ok((await second).outputs.sums.data.every((x) => x === 1));
    await third;
    assert.ok(into.every((x) => x === 1));
  },

  'a tensor made in the primary is seen and written by the workers': async (trial) => {
    const { manager } = trial;
    const tensor = manager.sharedTensor([512, 4]);
    tensor.data.fill(1);
    assert.deepEqual(await trial.call(0, 'take', 't', tensor.handle), [1, 1, 1, 1]);
    assert.deepEqual(await trial.call(1, 'take', 't', tensor.handle), [1, 1, 1, 1]);
    await trial.call(0, 'write', 't', 4);
    assert.equal(tensor.data[2047], 4);
    assert.deepEqual(await trial.call(1, 'read', 't'), [4, 4, 4, 4]);
    assert.deepEqual(await trial.call(1, 'compute', 't'), [40, 40, 40, 40]);
    tensor.seal();
    assert.equal(await trial.call(1, 'sealed', 't'), true);
    for (const into of [tensor, tensor.data.subarray(0)])
      await assert.rejects(
        manager.executeWorkload(
          { type: 'scale', inputs: { input: tensor.data.slice() } },
          { into: { output: into }, affinity: 'elsewhere' },
        ),
        { code: 'ERR_INVALID_ARGUMENT', message: /sealed/ },
      );
    const { handle } = tensor;
    tensor.release();
    await trial.call(0, 'release', 't');
    assert.equal(await trial.call(0, 'open', handle), 'opened'); // the other worker holds it
    await trial.call(1, 'release', 't');
    await sleep(50);
    manager.sharedTensor([1]).release(); // whoever allocates sees what others have let go of
    assert.equal(await trial.call(0, 'open', handle), 'ERR_CLOSED');
    assert.throws(() => manager.openTensor(handle), { code: 'ERR_CLOSED' });
  },

  'a tensor made in a worker goes the other ways, as an input and as a target': async (trial) => {
    const handle = await trial.call(0, 'make', 'in', [100], 3);
    const target = await trial.call(1, 'make', 'out', [100], 0);
    await trial.call(1, 'take', 'in', handle);
    assert.deepEqual(await trial.call(1, 'compute', 'in', 'out'), [30, 30, 30, 30]);
    const output = trial.manager.openTensor(target);
    assert.ok(output.data.every((x) => x === 30));
    const input = trial.manager.openTensor(JSON.stringify(handle));
    await trial.manager.executeWorkload(scale(input, 2), { into: { output } });
    assert.deepEqual(await trial.call(1, 'read', 'out'), [6, 6, 6, 6]);
    input.release();
    output.release();
    await trial.call(0, 'release', 'in');
    await trial.call(1, 'release', 'in');
    await trial.call(1, 'release', 'out');
  },

  'a handle sent with worker.send() arrives before or after the memory does': async (trial) => {
    await trial.call(0, 'onMessage');
    const tensor = trial.manager.sharedTensor([3 << 20]); // too large for memory that is shared already
    tensor.data.fill(8);
    trial.workers[0].send({ myTensor: tensor });
    assert.deepEqual(await until(() => trial.call(0, 'given')), [8, 8]);
    tensor.release();
  },

  'what a killed process held is free': async (trial) => {
    const handle = await trial.call(1, 'make', 'mine', [1 << 20], 5);
    const shared = trial.manager.openTensor(handle);
    const other = await trial.call(1, 'make', 'other', [1 << 20], 6);
    const victim = trial.workers[1];
    assert.equal(await trial.call(0, 'open', other), 'opened');
    const lost = new Promise((resolve) => {
      trial.manager.once('worker-lost', resolve);
    });
    victim.process.kill('SIGKILL');
    assert.equal((await lost).workerId, victim.id);
    assert.ok(
      shared.data.every((x) => x === 5),
      'what others hold stays',
    );
    expectClose((await trial.manager.ops.reduce(shared, { kind: 'max' })).data, [5]);
    assert.equal(await trial.call(0, 'open', handle), 'opened');
    shared.release();
    await sleep(1500); // swept once a second
    assert.equal(await trial.call(0, 'open', other), 'ERR_CLOSED');
    assert.equal(await trial.call(0, 'open', handle), 'ERR_CLOSED');
    await until(
      () => trial.workers.length === 2 && trial.manager.contexts().filter(({ isActive }) => isActive).length === 2,
    );
  },

  'nothing piles up': async (trial) => {
    const count = async () => [memories(), await trial.call(0, 'memories')];
    const round = async () => {
      const all = Array.from({ length: 20 }, (_, i) => trial.manager.sharedTensor([1000 * (i + 1)]));
      await Promise.all(all.map((tensor) => trial.manager.ops.scale(tensor)));
      for (const tensor of all) tensor.release();
      await sleep(20);
    };
    await round();
    const before = await count();
    for (let i = 0; i < 10; ++i) await round();
    const after = await count();
    assert.ok(after[0] <= before[0] + 2 && after[1] <= before[1] + 2, `${before} -> ${after}`);
    assert.ok(cluster.isPrimary);
  },
};
