// One store for all processes of a cluster: any of them calls it, one owns it, and another one does when that dies.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: wait } = require('node:timers/promises');
const gpu = require('../../../..');
const { MemoryCluster } = require('../../../support/memory-cluster');
const { childProgram } = require('../../../support/paths');
const { rounds } = require('../../../support/rounds');
const { until } = require('../../../support/waiting');

jest.setTimeout(rounds(60_000, 600_000));
process.env.LOG_LEVEL = 'silent';

let cluster, folder, a, b, shy;
beforeAll(async () => {
  cluster = new MemoryCluster();
  [a, b] = await cluster.fork(2);
  [shy] = await cluster.fork(1, { GPU_OWNS_MEMORY: 'false' });
});
afterAll(() => cluster.end());
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-cluster-store-'));
});
afterEach(async () => {
  await cluster.on(0, close);
  for (const worker of cluster.workers) await cluster.on(worker, close);
  fs.rmSync(folder, { recursive: true });
});

const at = () => path.join(folder, 'store');
const open = async ({ gpu: { openStore, Store }, kept }, where, options) => {
  kept.store = await openStore(where, options);
  return kept.store instanceof Store;
};
const close = ({ kept }) => kept.store?.close();
const openAll = async (...workers) => {
  for (const worker of workers) expect(await cluster.on(worker, open, at())).toBe(true);
};
const stop = ({ kept }) => {
  kept.isEnding = true;
};
const put = ({ kept }, key, value, options) => kept.store.put(key, value, options);
const get = async ({ kept }, key) => (await kept.store.get(key))?.toString();

test('what one process writes the others read, the primary too', async () => {
  await openAll(a, 0, b);
  expect(cluster.ownerOf(at())).toBe(a); // who was the first
  for (const worker of [0, a, b]) await cluster.on(worker, put, `from-${worker}`, `of ${worker}`);
  for (const worker of [0, a, b])
    for (const by of [0, a, b]) expect(await cluster.on(worker, get, `from-${by}`)).toBe(`of ${by}`);
  expect(await cluster.on(b, ({ kept }) => kept.store.list({ prefix: 'from-' }))).toEqual(
    [0, a, b].map((by) => `from-${by}`),
  );
  expect(await cluster.on(b, ({ kept }) => kept.store.delete(`from-0`))).toBe(true);
  expect(await cluster.on(0, ({ kept }) => kept.store.delete(`from-0`))).toBe(false);
  expect(await cluster.on(0, get, 'from-0')).toBeUndefined();
});

test('values of every size come through, and with a time to live they go', async () => {
  await openAll(a, b);
  const sizes = [0, 1, 7, 8, 4096, 65_535, 1 << 20, 9_000_001];
  const check = async ({ kept }, lengths) => {
    const { createHash, randomBytes } = require('node:crypto');
    const sums = [];
    for (const length of lengths) {
      const value = randomBytes(length);
      const putting = kept.store.put(`v${length}`, value);
      const sum = createHash('sha256').update(value).digest('hex');
      value.fill(0); // it is the caller's again
      await putting;
      sums.push(sum);
    }
    return sums;
  };
  const read = async ({ kept }, lengths) => {
    const { createHash } = require('node:crypto');
    const values = await Promise.all(lengths.map((length) => kept.store.get(`v${length}`)));
    return values.map((value) => createHash('sha256').update(value).digest('hex'));
  };
  const run = `async (state, ...given) => (${check})(state, ...given)`.replaceAll("require('", "state.require('");
  const runRead = `async (state, ...given) => (${read})(state, ...given)`.replaceAll("require('", "state.require('");
  const sums = await cluster.on(b, run, sizes);
  expect(await cluster.on(a, runRead, sizes)).toEqual(sums);
  expect(await cluster.on(b, runRead, sizes)).toEqual(sums);
  await cluster.on(b, put, 'short', 'x', { ttl: 1000 });
  expect(await cluster.on(b, get, 'short')).toBe('x');
  await wait(1050);
  expect(await cluster.on(b, get, 'short')).toBeUndefined();
});

test('a path is one store, however it is written', async () => {
  fs.symlinkSync(folder, path.join(os.tmpdir(), path.basename(folder) + '-link'));
  const link = path.join(os.tmpdir(), path.basename(folder) + '-link');
  try {
    await cluster.on(a, open, at());
    await cluster.on(b, open, path.join(link, 'x', '..', 'store'));
    await cluster.on(a, put, 'k', 'v');
    expect(await cluster.on(b, get, 'k')).toBe('v');
  } finally {
    fs.unlinkSync(link);
  }
});

test('bad input is refused as in one process', async () => {
  await openAll(a, b);
  const calls = [
    `({ kept }) => kept.store.put('', 'x')`,
    `({ kept }) => kept.store.put('k'.repeat(513), 'x')`,
    `({ kept }) => kept.store.put('k', 7)`,
    `({ kept }) => kept.store.put('k', 'x', { ttl: -1 })`,
    `({ kept }) => kept.store.put('k', 'x', { tll: 1 })`,
    `({ kept }) => kept.store.get(null)`,
    `({ kept }) => kept.store.delete('k', { durable: 1 })`,
    `({ kept }) => kept.store.list({ limit: 0 })`,
    `({ kept }) => kept.store.snapshot(${JSON.stringify(os.tmpdir())})`,
    `({ kept }) => kept.store.snapshot('')`,
  ];
  const alone = await gpu.openStore(path.join(folder, 'alone'));
  for (const call of calls) {
    const expected = await errorOf(() => eval(call)({ kept: { store: alone } }));
    for (const worker of [a, b]) {
      const error = await errorOf(() => cluster.on(worker, call));
      expect(error).toMatchObject({ ...expected, isOurs: true });
    }
  }
  await alone.close();
});

async function errorOf(call) {
  try {
    await call();
  } catch (error) {
    const { code, message, argument } = error;
    return { code, message, argument, isOurs: error.isOurs };
  }
  throw new Error('it was taken');
}

test('a store is open until the last process has closed it, and again when one opens it', async () => {
  await openAll(a, b);
  await cluster.on(a, put, 'k', '1');
  await cluster.on(a, close); // its owner
  expect(cluster.ownerOf(at())).toBe(a);
  await cluster.on(b, put, 'k', '2');
  expect(await errorOf(() => cluster.on(a, get, 'k'))).toMatchObject({ code: 'ERR_CLOSED' });
  await openAll(a); // it owns it still
  expect(await cluster.on(a, get, 'k')).toBe('2');
  await cluster.on(a, close);
  const closing = cluster.on(b, close);
  await openAll(b); // while it may not be closed yet
  await closing;
  expect(await cluster.on(b, get, 'k')).toBe('2');
  await cluster.on(b, close);
  await until(() => cluster.ownerOf(at()) === undefined, 5000, 'the store to be closed');
  const alone = await gpu.openStore(at());
  expect(alone.stats().recovery.wasClosed).toBe(true);
  expect((await alone.get('k')).toString()).toBe('2');
  await alone.close();
});

test('a process of no cluster, and of another one, is refused; one that reads is not', async () => {
  await openAll(a, b);
  await cluster.on(b, put, 'k', 'v');
  await expect(gpu.openStore(at())).rejects.toMatchObject({ code: 'ERR_LOCKED' });
  const reader = await gpu.openStore(at(), { readOnly: true });
  expect((await reader.get('k')).toString()).toBe('v');
  await reader.close();
  const other = new MemoryCluster();
  const [worker] = await other.fork(1);
  for (const each of [worker, 0])
    expect(await errorOf(() => other.on(each, open, at()))).toMatchObject({ code: 'ERR_LOCKED', isOurs: true });
  await other.end();
  const readIn = async ({ gpu: { openStore } }, where) => {
    const mine = await openStore(where, { readOnly: true });
    const value = (await mine.get('k')).toString();
    await mine.close();
    return value;
  };
  expect(await cluster.on(b, readIn, at())).toBe('v');
});

test('what its opening is refused with, all are told; another limit is refused', async () => {
  fs.mkdirSync(at());
  fs.writeFileSync(path.join(at(), 'manifest'), 'no manifest');
  for (const worker of [a, b])
    expect(await errorOf(() => cluster.on(worker, open, at()))).toMatchObject({
      code: expect.stringMatching(/^ERR_/),
      isOurs: true,
    });
  fs.rmSync(at(), { recursive: true });
  await cluster.on(a, open, at(), { limit: 1 << 24 });
  expect(await errorOf(() => cluster.on(b, open, at()))).toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    argument: 'options.limit',
  });
  await cluster.on(b, open, at(), { limit: 1 << 24 });
  await cluster.on(b, put, 'k', 'v');
  const fill = async ({ kept }) => {
    for (let i = 0; ; ++i) await kept.store.put(`k${i}`, Buffer.alloc(1 << 20, i));
  };
  expect(await errorOf(() => cluster.on(b, fill))).toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
});

test('stats, verify and snapshot are the owner’s', async () => {
  await openAll(a, b);
  for (let i = 0; i < 10; ++i) await cluster.on(b, put, `k${i}`, 'v');
  await until(async () => (await cluster.on(b, ({ kept }) => kept.store.stats().objects)) === 10, 5000, 'the count');
  expect(await cluster.on(a, ({ kept }) => kept.store.stats().readOnly)).toBe(false);
  expect(await cluster.on(b, ({ kept }) => kept.store.verify())).toMatchObject({ ok: true });
  const copy = path.join(folder, 'copy');
  await cluster.on(b, ({ kept }, to) => kept.store.snapshot(to), copy);
  const alone = await gpu.openStore(copy, { readOnly: true });
  expect(alone.stats().objects).toBe(10);
  await alone.close();
});

/** Puts and deletes of keys of its own, each of which must be as in a store without deaths. */
const churn = async ({ kept }, own) => {
  kept.isEnding = false;
  const { store } = kept;
  const there = new Map();
  let calls = 0;
  for (let i = 0; !kept.isEnding; ++i) {
    const key = `${own}-${i % 50}`;
    if (i % 3 === 2) {
      const was = await store.delete(key);
      if (was !== there.delete(key)) throw new Error(`the delete ${i} of ${key} said ${was}`);
    } else {
      await store.put(key, `${own} ${i}`, { durable: i % 10 === 0 });
      there.set(key, `${own} ${i}`);
      const value = (await store.get(key))?.toString();
      if (value !== there.get(key)) throw new Error(`${key} is ${value}, not ${there.get(key)}`);
    }
    calls += 1;
  }
  return { calls, there: [...there] };
};

test('owners are killed while others write: nothing is lost, each write is done once', async () => {
  await openAll(a, b, shy, 0);
  const running = [0, shy].map((worker) => cluster.on(worker, churn, `w${worker}`));
  const all = Promise.all(running);
  all.catch(() => {});
  await cluster.killOwners(at(), rounds(3, 60), [0, shy], (next) => openAll(next));
  [a, b] = cluster.workers.filter((worker) => worker !== shy);
  for (const worker of [0, shy]) await cluster.on(worker, stop);
  const results = await all;
  const expected = new Map(results.flatMap(({ there }) => there));
  const keys = await cluster.on(0, ({ kept }) => kept.store.list({ limit: 10_000 }));
  expect(keys).toEqual([...expected.keys()].sort());
  for (const key of keys) expect(await cluster.on(shy, get, key)).toBe(expected.get(key));
});

test('a process that dies in the middle of a write leaves the store and the others well', async () => {
  const [dying] = await cluster.fork(1);
  await openAll(a, dying, b);
  const flood = ({ kept }) => {
    for (let i = 0; ; ++i)
      kept.store.put(`flood-${i % 7}`, Buffer.alloc(3_000_000, i)).catch(() => {}) &&
        i === 60 &&
        process.kill(process.pid, 'SIGKILL');
  };
  await expect(cluster.on(dying, flood)).rejects.toMatchObject({ code: 'GONE' });
  await cluster.on(b, put, 'after', 'v');
  expect(await cluster.on(a, get, 'after')).toBe('v');
  expect(await cluster.on(a, ({ kept }) => kept.store.verify())).toMatchObject({ ok: true });
});

test('a manager that is closed hands its stores over', async () => {
  const [leaving] = await cluster.fork(1);
  await openAll(leaving, b);
  await cluster.on(b, put, 'k', 'v');
  expect(cluster.ownerOf(at())).toBe(leaving);
  await cluster.on(leaving, ({ manager }) => manager.close());
  expect(await cluster.on(b, get, 'k')).toBe('v');
  expect(cluster.ownerOf(at())).toBe(b);
  expect(await errorOf(() => cluster.on(leaving, get, 'k'))).toMatchObject({ code: 'ERR_CLOSED', isOurs: true });
  await cluster.kill(leaving);
});

test('a worker that the primary starts again opens the store again', async () => {
  const own = new MemoryCluster({ workers: 2, exec: childProgram('memory/cluster.js') });
  const isThere = async (worker) => (await own.on(worker, () => process.pid).catch(() => 0)) > 0;
  for (const worker of [1, 2]) {
    await until(() => isThere(worker), 20_000, `worker ${worker}`);
    await own.on(worker, open, at());
  }
  await own.on(2, put, 'k', 'v');
  await own.on(1, () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), 10) && true);
  expect(await own.on(2, get, 'k')).toBe('v');
  await until(() => isThere(3), 20_000, 'the next worker');
  await own.on(3, open, at());
  expect(await own.on(3, get, 'k')).toBe('v');
  await own.on(3, put, 'k', 'w');
  expect(await own.on(2, get, 'k')).toBe('w');
  await own.end();
});
