// Two workers and the primary: tensors that have a name.
'use strict';
const cluster = require('node:cluster');
const { assert, failure } = require('../../assertions');
const { sleep, until } = require('../../waiting');

exports.options = { workers: 2, contextTypes: ['cpu'], contextsPerWorker: 1 };

const kRow = 4096;
const kSwaps = Number(process.env.SWITCHYARD_SWAPS ?? 20);
const held = new Map();
const heard = [];

/** A tensor all of whose elements are the same. */
function filled(manager, value, rows = 16) {
  const tensor = manager.sharedTensor([rows, kRow]);
  tensor.data.fill(value);
  return tensor;
}

/** The version that a lookup finds, by its contents; it must be one version, whole, also as a job sees it. */
async function versionNow(manager, name) {
  const tensor = await manager.lookup(name);
  assert.equal(tensor.sealed, true);
  const [{ data: low }, { data: high }] = await Promise.all(
    ['min', 'max'].map((kind) => manager.ops.reduce(tensor, { kind })),
  );
  const seen = new Set([...low, ...high, tensor.data[0], tensor.data.at(-1)]);
  tensor.release();
  assert.equal(seen.size, 1, `several versions in one: ${[...seen]}`);
  return [...seen][0];
}

let looks = 0;
/** Looks the name up and runs jobs with it until it is 0, and says which versions it saw, in which order. */
async function follow(manager, name) {
  const versions = [];
  for (let last = -1; last !== 0; ++looks) {
    const version = await versionNow(manager, name);
    if (version !== last) versions.push(version);
    last = version;
  }
  return versions;
}

exports.inWorker = {
  publish: async ({ manager }, name, value, rows) => {
    const tensor = filled(manager, value, rows);
    const published = manager.publish(name, tensor);
    tensor.release(); // it is not waited for
    return published;
  },
  publishMany: async ({ manager }, name, values) => {
    const all = values.map((value) => filled(manager, value));
    const done = await Promise.all(all.map((tensor) => manager.publish(name, tensor)));
    for (const tensor of all) tensor.release();
    return done.map(({ version }, i) => [version, values[i]]);
  },
  unpublish: ({ manager }, name) => manager.unpublish(name),
  lookup: async ({ manager }, name) => {
    const tensor = await manager.lookup(name);
    const { handle, sealed } = tensor;
    const value = tensor.data[0];
    tensor.release();
    return { handle, sealed, value };
  },
  hold: async ({ manager }, name) => {
    held.set(name, await manager.lookup(name));
  },
  heldValue: (_, name) => held.get(name).data[0],
  letGo: (_, name) => held.get(name).release(),
  code: async ({ manager }, what, ...args) => (await failure(manager[what](...args))).code,
  opened: ({ manager }, handle) => {
    try {
      manager.openTensor(handle).release();
      return 'opened';
    } catch (error) {
      return error.code;
    }
  },
  listen: ({ manager }) => {
    manager.on('tensor-published', (event) => heard.push(event));
  },
  heard: () => heard.splice(0),
  follow: ({ manager }, name) => follow(manager, name),
  /** Stands still until the flag is set, and then looks before it has read a word. */
  lookupAfter: async ({ manager }, name, handle) => {
    const flag = manager.openTensor(handle);
    for (const end = performance.now() + 5000; !flag.data[0] && performance.now() < end;);
    const tensor = await manager.lookup(name);
    const value = tensor.data[0];
    tensor.release();
    flag.release();
    return value;
  },
  /** A little later, how long the slowest of some looks took, each with a job on the own context. */
  looksSoon: async ({ manager }, name, ms) => {
    await sleep(ms);
    let slowest = 0;
    for (let i = 0; i < 20; ++i) {
      const from = performance.now();
      const tensor = await manager.lookup(name);
      await manager.ops.reduce(tensor, { kind: 'sum' });
      tensor.release();
      slowest = Math.max(slowest, performance.now() - from);
    }
    return slowest;
  },
};

/** Whoever allocates sees what others have let go of. */
const isGone = (trial, handle) =>
  until(async () => {
    trial.manager.sharedTensor([1]).release();
    return (await trial.call(0, 'opened', handle)) === 'ERR_CLOSED';
  });

exports.cases = {
  'what the primary publishes, workers find: sealed, and the same memory': async (trial) => {
    const tensor = filled(trial.manager, 7);
    const { handle } = tensor;
    assert.deepEqual(await trial.manager.publish('base', tensor), { name: 'base', version: 1 });
    assert.equal(tensor.sealed, true);
    tensor.release();
    for (const worker of [0, 1, 0])
      assert.deepEqual(await trial.call(worker, 'lookup', 'base'), { handle, sealed: true, value: 7 });
    const mine = await trial.manager.lookup('base');
    assert.deepEqual(mine.handle, handle);
    mine.release();
    assert.throws(() => mine.data, { code: 'ERR_CLOSED' });
    const again = await trial.manager.lookup('base');
    assert.equal(again.data[0], 7, 'each lookup is held by itself');
    again.release();
  },

  'a name is current everywhere once its publish has resolved': async (trial) => {
    for (let i = 1; i <= 30; ++i) {
      await trial.call(i % 2, 'publish', 'turns', i, 1);
      assert.equal((await trial.call((i + 1) % 2, 'lookup', 'turns')).value, i);
      assert.equal((await trial.call(i % 2, 'lookup', 'turns')).value, i);
    }
    assert.equal(await trial.manager.unpublish('turns'), true);
  },

  'also for a process that has not heard of it yet': async (trial) => {
    const { manager } = trial;
    const flag = manager.sharedTensor([1]);
    await manager.publish('deaf', Float32Array.of(1));
    assert.equal((await trial.call(0, 'lookup', 'deaf')).value, 1);
    const looking = trial.call(0, 'lookupAfter', 'deaf', flag.handle);
    await sleep(100);
    await manager.publish('deaf', Float32Array.of(2));
    flag.data[0] = 1;
    assert.equal(await looking, 2);
    flag.release();
    await manager.unpublish('deaf');
  },

  'what is current is found, and used, without a word to the primary': async (trial) => {
    await trial.call(1, 'publish', 'quiet', 3, 1);
    await trial.call(0, 'lookup', 'quiet');
    const looking = trial.call(0, 'looksSoon', 'quiet', 100);
    await sleep(50);
    for (const end = performance.now() + 1500; performance.now() < end;); // it could not answer meanwhile
    const slowest = await looking;
    assert.ok(slowest < 1000, `a look and a job took ${slowest} ms`);
    await trial.manager.unpublish('quiet');
  },

  'another tensor is copied': async ({ manager }) => {
    const data = Float32Array.from([1, 2, 3, 4]);
    const publishing = manager.publish('plain', { data, shape: [2, 2] });
    data.fill(0); // it was copied before the call returned
    await publishing;
    const found = await manager.lookup('plain');
    assert.deepEqual(
      [[...found.data], [...found.shape], found.dtype, found.sealed],
      [[1, 2, 3, 4], [2, 2], 'float32', true],
    );
    found.release();
    await manager.publish('plain', Int32Array.from([5]));
    const next = await manager.lookup('plain');
    assert.deepEqual([[...next.data], next.dtype], [[5], 'int32']);
    next.release();
    await manager.publish('plain', new Float32Array(0));
    const empty = await manager.lookup('plain');
    assert.deepEqual([empty.data.length, [...empty.shape]], [0, [0]]);
    empty.release();
    await manager.unpublish('plain');
  },

  'names that can be none, and what is no tensor': async (trial) => {
    const { manager } = trial;
    const tensor = filled(manager, 1, 1);
    for (const name of ['', 'x'.repeat(201), 'ü'.repeat(101), 'a\nb', '\ud800', undefined, 7, null, {}]) {
      for (const call of [
        () => manager.publish(name, tensor),
        () => manager.lookup(name),
        () => manager.unpublish(name),
      ]) {
        const { argument, message } = await failure(call(), 'ERR_INVALID_ARGUMENT');
        assert.equal(argument, 'name');
        assert.match(message, /the name of a tensor is/);
      }
    }
    assert.equal(tensor.sealed, false, 'a refused publish does not seal');
    for (const name of ['x'.repeat(200), 'ü'.repeat(100), ' ', 'a/b?c=%20', '__proto__']) {
      await manager.publish(name, tensor);
      assert.equal((await trial.call(0, 'lookup', name)).value, 1);
      assert.equal(await manager.unpublish(name), true);
    }
    for (const wrong of [
      undefined,
      null,
      5,
      'text',
      {},
      { data: new Float32Array(3), shape: [4] },
      new Float64Array(2),
    ])
      await failure(manager.publish('wrong', wrong), 'ERR_INVALID_ARGUMENT');
    for (const options of [null, 5, { limits: 1 }, { limit: -1 }, { limit: 'x' }, { limit: NaN }])
      await failure(manager.publish('wrong', tensor, options), 'ERR_INVALID_ARGUMENT');
    tensor.release();
    await failure(manager.publish('wrong', tensor), 'ERR_CLOSED');
    await failure(manager.lookup('wrong'), 'ERR_NOT_FOUND');
  },

  'what is not there is not found, and versions go on': async (trial) => {
    assert.match((await failure(trial.manager.lookup('nothing'), 'ERR_NOT_FOUND')).message, /'nothing'/);
    assert.equal(await trial.call(0, 'code', 'lookup', 'nothing'), 'ERR_NOT_FOUND');
    assert.equal(await trial.manager.unpublish('nothing'), false);
    assert.equal((await trial.call(0, 'publish', 'again', 1)).version, 1);
    assert.equal((await trial.call(1, 'publish', 'again', 2)).version, 2);
    await trial.call(1, 'lookup', 'again');
    assert.equal(await trial.call(0, 'unpublish', 'again'), true);
    for (const worker of [0, 1]) assert.equal(await trial.call(worker, 'code', 'lookup', 'again'), 'ERR_NOT_FOUND');
    assert.equal((await trial.call(0, 'publish', 'again', 3)).version, 3);
    assert.equal((await trial.call(1, 'lookup', 'again')).value, 3);
    await trial.manager.unpublish('again');
  },

  'every manager hears of it': async (trial) => {
    const mine = [];
    const listener = (event) => mine.push(event);
    trial.manager.on('tensor-published', listener);
    await Promise.all([0, 1].map((worker) => trial.call(worker, 'listen')));
    await trial.call(0, 'publish', 'news', 1);
    await trial.call(1, 'publish', 'news', 2);
    await trial.manager.unpublish('news');
    const expected = [1, 2, 0].map((version) => ({ name: 'news', version }));
    assert.deepEqual(mine, expected);
    for (const worker of [0, 1]) {
      const said = [];
      await until(async () => said.push(...(await trial.call(worker, 'heard'))) >= 3);
      assert.deepEqual(said, expected);
    }
    trial.manager.off('tensor-published', listener);
  },

  'publishes at the same time are done one after the other': async (trial) => {
    const values = (from) => Array.from({ length: 10 }, (_, i) => from + i);
    const done = (
      await Promise.all([0, 1].map((worker) => trial.call(worker, 'publishMany', 'race', values(100 * (worker + 1)))))
    ).flat();
    const versions = done.map(([version]) => version).sort((a, b) => a - b);
    assert.deepEqual(versions, values(1).concat(values(11)));
    const last = done.find(([version]) => version === 20);
    for (const worker of [0, 1]) assert.equal((await trial.call(worker, 'lookup', 'race')).value, last[1]);
    await trial.manager.unpublish('race');
  },

  'who has looked it up keeps it; then its memory is free': async (trial) => {
    await trial.call(0, 'publish', 'kept', 5);
    await trial.call(1, 'hold', 'kept');
    const { handle } = await trial.call(0, 'lookup', 'kept');
    await trial.call(0, 'publish', 'kept', 6);
    assert.equal(await trial.call(1, 'heldValue', 'kept'), 5);
    assert.equal(await trial.call(0, 'opened', handle), 'opened');
    await trial.call(1, 'letGo', 'kept');
    const found = await trial.call(1, 'lookup', 'kept');
    assert.equal(found.value, 6);
    await until(async () => {
      await trial.call(0, 'publish', 'other', 0, 1); // its maker sees what others have let go of
      return (await trial.call(1, 'opened', handle)) === 'ERR_CLOSED';
    });
    await trial.manager.unpublish('kept');
    await trial.manager.unpublish('other');
    await until(async () => {
      await trial.call(0, 'publish', 'other', 0, 1);
      return (await trial.call(1, 'opened', found.handle)) === 'ERR_CLOSED';
    });
    await trial.manager.unpublish('other');
  },

  'a name stays when its publisher is killed': async (trial) => {
    await trial.call(1, 'publish', 'stays', 9);
    const { handle } = await trial.call(1, 'lookup', 'stays');
    const victim = trial.workers[1];
    const lost = new Promise((resolve) => {
      trial.manager.once('worker-lost', resolve);
    });
    victim.process.kill('SIGKILL');
    assert.equal((await lost).workerId, victim.id);
    await sleep(1500); // memory of the dead that nobody holds is swept once a second
    assert.equal(await versionNow(trial.manager, 'stays'), 9);
    assert.equal((await trial.call(0, 'lookup', 'stays')).value, 9);
    await until(() => trial.workers.length === 2 && trial.manager.contexts().length === 2);
    assert.equal((await trial.call(1, 'lookup', 'stays')).value, 9, 'a newcomer');
    await trial.call(0, 'publish', 'stays', 10);
    assert.equal((await trial.call(1, 'lookup', 'stays')).value, 10);
    await trial.manager.unpublish('stays');
    await isGone(trial, handle);
  },

  'what they take is limited, and in the metrics': async (trial) => {
    const { manager } = trial;
    const bytes = 16 * kRow * 4;
    const before = (await manager.getMetrics()).memoryUsage.published;
    const limit = Math.round(before * 2 ** 20) + 2 * bytes;
    for (const name of ['one', 'two']) await manager.publish(name, filled(manager, 1), { limit });
    const { message } = await failure(manager.publish('three', filled(manager, 1), { limit }), 'ERR_OUT_OF_MEMORY');
    assert.match(message, /'three'.*unpublish/);
    await failure(manager.lookup('three'), 'ERR_NOT_FOUND');
    await manager.publish('two', filled(manager, 2), { limit }); // in place of what it was
    const text = await manager.prometheus();
    const count = Number(/^switchyard_published_tensors (\d+)/m.exec(text)[1]);
    assert.equal(Number(/^switchyard_published_bytes (\d+)/m.exec(text)[1]), Math.round(before * 2 ** 20) + 2 * bytes);
    assert.ok(count >= 2);
    for (const name of ['one', 'two']) await manager.unpublish(name);
    assert.equal((await manager.getMetrics()).memoryUsage.published, before);
    assert.match(await manager.prometheus(), new RegExp(`^switchyard_published_tensors ${count - 2}$`, 'm'));
  },

  'shared tensors are in the metrics, sealed or not, for as long as a process holds them': async ({ manager }) => {
    const bytesNow = async () => Number(/^switchyard_shared_bytes (\d+)/m.exec(await manager.prometheus())[1]);
    // What other cases have used goes meanwhile: the runtime lets go of a buffer some time after its tensor was.
    const before = await bytesNow();
    const isAbove = (bytes, more) => Math.abs(bytes - before - more) < 4e6;
    const [open, sealed] = [manager.sharedTensor([10e6]), manager.sharedTensor([5e6])];
    sealed.seal();
    assert.ok(isAbove(await bytesNow(), 60e6));
    assert.ok(Number(/^switchyard_shared_tensors (\d+)/m.exec(await manager.prometheus())[1]) >= 2);
    const again = manager.openTensor(open.handle);
    open.release();
    assert.ok(isAbove(await bytesNow(), 60e6));
    assert.ok(isAbove((await manager.getMetrics()).memoryUsage.shared * 2 ** 20, 60e6));
    again.release();
    sealed.release();
    await until(async () => isAbove(await bytesNow(), 0));
  },

  'swapped under load, each look and each job sees one version, and none is missed': async (trial) => {
    await trial.call(0, 'publish', 'load', 1);
    const following = [0, 1].map((worker) => trial.call(worker, 'follow', 'load'));
    const mine = follow(trial.manager, 'load');
    for (let i = 2; i <= kSwaps; ++i) {
      const before = looks;
      await until(() => looks >= before + 2); // the second has begun since the last swap
      if (i % 2) {
        await trial.call(0, 'publish', 'load', i);
      } else {
        const tensor = filled(trial.manager, i);
        await trial.manager.publish('load', tensor);
        tensor.release();
      }
    }
    const before = looks;
    await until(() => looks >= before + 2);
    await trial.manager.publish('load', filled(trial.manager, 0));
    const all = Array.from({ length: kSwaps }, (_, i) => i + 1);
    assert.deepEqual(await mine, [...all, 0]);
    for (const versions of await Promise.all(following)) {
      assert.equal(versions.at(-1), 0);
      const grown = versions.slice(0, -1);
      assert.deepEqual(
        grown,
        [...grown].sort((a, b) => a - b),
        'never an older one after a newer one',
      );
    }
    assert.ok(cluster.isPrimary);
  },
};
