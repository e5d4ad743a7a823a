// One index for all processes of a cluster, in a store or in none: any of them calls it, and it survives each of them.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const gpu = require('../../../..');
const { churn, searches, stop } = require('../../../support/memory-churn');
const { MemoryCluster } = require('../../../support/memory-cluster');
const { rounds } = require('../../../support/rounds');
const { until } = require('../../../support/waiting');

jest.setTimeout(rounds(90_000, 600_000));
process.env.LOG_LEVEL = 'silent';

const kOptions = { dimensions: 4, metric: 'dot' };
let cluster, folder, a, b, shy, context;
beforeAll(async () => {
  cluster = new MemoryCluster();
  [a, b] = await cluster.fork(2);
  [shy] = await cluster.fork(1, { GPU_OWNS_MEMORY: 'false' });
  context = await gpu.createContext({ device: 'cpu' });
});
afterAll(async () => {
  await context.close();
  await cluster.end();
});
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-cluster-index-'));
});
afterEach(async () => {
  for (const worker of [0, ...cluster.workers]) await cluster.on(worker, close);
  fs.rmSync(folder, { recursive: true });
});

const openNamed = async ({ gpu: { VectorIndex }, manager, kept }, options) => {
  kept.index = await manager.createIndex(options);
  return kept.index instanceof VectorIndex;
};
const openStored = async ({ gpu: { openStore, createIndex }, kept }, at, options) => {
  kept.store = await openStore(at);
  kept.index = await createIndex({ ...options, store: kept.store, name: 'vectors' });
};
const close = async ({ kept }) => {
  await kept.index?.close();
  await kept.store?.close();
  kept.index = kept.store = undefined;
};
const add = ({ kept }, ids, vectors, options) => kept.index.add(ids, vectors, options);
const search = ({ kept }, query, options) => kept.index.search(query, options);
const errorOf = async (call) => {
  try {
    await call();
  } catch (error) {
    const { code, message, argument, isOurs } = error;
    return { code, message, argument, isOurs };
  }
  throw new Error('it was taken');
};

describe.each(['by its name', 'in a store'])('an index %s', (kind) => {
  const open = (worker, options = kOptions) =>
    kind === 'in a store'
      ? cluster.on(worker, openStored, path.join(folder, 'store'), options)
      : cluster.on(worker, openNamed, { ...options, name: path.basename(folder) });

  test('what one process adds all others find', async () => {
    for (const worker of [a, b, 0]) await open(worker);
    await cluster.on(
      a,
      add,
      ['a', 7],
      [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
      ],
      { metadata: [{ lang: 'en' }, undefined] },
    );
    await cluster.on(b, add, ['b'], [[0, 0, 1, 0]]);
    await cluster.on(0, ({ kept }) => kept.index.upsert(['a'], [[2, 0, 0, 1]], { metadata: [{ lang: 'de' }] }));
    for (const worker of [a, b, 0]) {
      const found = await cluster.on(worker, search, [1, 0.5, 0, 0], {
        k: 3,
        includeVectors: true,
        includeMetadata: true,
      });
      expect(found).toEqual({
        ids: ['a', 7, 'b'],
        scores: new Float32Array([2, 0.5, 0]),
        vectors: { data: new Float32Array([2, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0]), shape: [3, 4], dtype: 'float32' },
        metadata: [{ lang: 'de' }, undefined, undefined],
      });
      expect(
        await cluster.on(
          worker,
          search,
          [
            [1, 0, 0, 0],
            [0, 0, 1, 0],
          ],
          { k: 1 },
        ),
      ).toMatchObject({ ids: [['a'], ['b']] });
      expect(await cluster.on(worker, search, [1, 1, 1, 1], { filter: { lang: 'de' } })).toMatchObject({ ids: ['a'] });
      expect(await cluster.on(worker, search, [1, 1, 1, 1], { ids: [7], threshold: -Infinity })).toMatchObject({
        ids: [7],
      });
      expect(await cluster.on(worker, ({ kept }) => kept.index.range([1, 0, 0, 0], { distance: 1 }))).toMatchObject({
        ids: ['a'],
      });
      const { explain } = await cluster.on(worker, search, [1, 0, 0, 0], { explain: true });
      expect(explain.segments.length).toBeGreaterThan(0);
      expect(await cluster.on(worker, ({ kept }) => kept.index.has(7))).toBe(true);
      expect(await cluster.on(worker, ({ kept }) => kept.index.get([7, 'a']))).toEqual({
        vectors: { data: new Float32Array([0, 1, 0, 0, 2, 0, 0, 1]), shape: [2, 4], dtype: 'float32' },
        metadata: [undefined, { lang: 'de' }],
      });
      await until(async () => (await cluster.on(worker, ({ kept }) => kept.index.size)) === 3, 5000, 'the size');
      expect(await cluster.on(worker, ({ kept }) => kept.index.stats())).toMatchObject({ size: 3, metric: 'dot' });
    }
    expect(await cluster.on(b, ({ kept }) => kept.index.remove(['b', 'b', 'zz', 7]))).toBe(2);
    expect(await cluster.on(a, search, [1, 1, 1, 1], {})).toMatchObject({ ids: ['a'] });
    await cluster.on(b, ({ kept }) => kept.index.compact());
    const file = path.join(folder, 'saved');
    await cluster.on(b, ({ kept }, to) => kept.index.save(to), file);
    const loaded = await gpu.VectorIndex.load(file, { on: context });
    expect(loaded.size).toBe(1);
    await loaded.close();
  });

  test('bad input is refused as in one process', async () => {
    for (const worker of [a, b]) await open(worker);
    await cluster.on(a, add, ['a'], [[1, 0, 0, 0]]);
    const alone = await context.createIndex(kOptions);
    await alone.add(['a'], [[1, 0, 0, 0]]);
    const calls = [
      `({ kept }) => kept.index.add(['a'], [[1, 0, 0, 0]])`,
      `({ kept }) => kept.index.add(['x', 'x'], [[1, 0, 0, 0], [1, 0, 0, 0]])`,
      `({ kept }) => kept.index.add(['x'], [[1, 0, 0]])`,
      `({ kept }) => kept.index.add(['x', 'y'], [[1, 0, 0, 0]])`,
      `({ kept }) => kept.index.add(['x', 'y'], [[1, 0, 0, 0], [1, NaN, 0, 0]])`,
      `({ kept }) => kept.index.upsert(['x'], new Float32Array([1, 0, Infinity, 0]))`,
      `({ kept }) => kept.index.add([''], [[1, 0, 0, 0]])`,
      `({ kept }) => kept.index.add(['x'.repeat(513)], [[1, 0, 0, 0]])`,
      `({ kept }) => kept.index.add([1.5], [[1, 0, 0, 0]])`,
      `({ kept }) => kept.index.add(['\\ud800'], [[1, 0, 0, 0]])`,
      `({ kept }) => kept.index.add(['x'], [[1, 0, 0, 0]], { metadata: [{ x: 1n }] })`,
      `({ kept }) => kept.index.add(['x'], [[1, 0, 0, 0]], { metadata: [{ x: 'y'.repeat(70000) }] })`,
      `({ kept }) => kept.index.add(['x'], [[1, 0, 0, 0]], { metadata: [JSON.parse('{"__proto__":1}')] })`,
      `({ kept }) => kept.index.add(['x'], [[1, 0, 0, 0]], { durabel: true })`,
      `({ kept }) => kept.index.get(['zz'])`,
      `({ kept }) => kept.index.has({})`,
      `({ kept }) => kept.index.remove('a')`,
      `({ kept }) => kept.index.search([1, 0, 0], {})`,
      `({ kept }) => kept.index.search([1, 0, NaN, 0], {})`,
      `({ kept }) => kept.index.search([1, 0, 0, 0], { k: 0 })`,
      `({ kept }) => kept.index.search([1, 0, 0, 0], { filter: { a: { $regex: 'x' } } })`,
      `({ kept }) => kept.index.search([1, 0, 0, 0], { filter: { a: { $gt: 'x', $in: 7 } } })`,
      `({ kept }) => kept.index.search([1, 0, 0, 0], { ids: 'a' })`,
      `({ kept }) => kept.index.search([1, 0, 0, 0], { timeout: -1 })`,
      `({ kept }) => kept.index.range([1, 0, 0, 0], {})`,
    ];
    for (const call of calls) {
      const expected = await errorOf(() => eval(call)({ kept: { index: alone } }));
      for (const worker of [a, b]) {
        const error = await errorOf(() => cluster.on(worker, call));
        expect([call, error]).toEqual([call, { ...expected, isOurs: true }]);
      }
    }
    await alone.close();
  });

  test('a filter is as it was at the call', async () => {
    for (const worker of [a, b]) await open(worker);
    const rows = [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
    ];
    await cluster.on(a, add, ['a', 'b'], rows, { metadata: [{ lang: 'de' }, { lang: 'en' }] });
    const changing = async ({ kept }) => {
      const filter = { $or: [{ lang: 'de' }] };
      const searching = kept.index.search([1, 1, 1, 1], { filter });
      filter.$or[0].lang = 'en';
      return (await searching).ids;
    };
    for (const worker of [a, b]) expect(await cluster.on(worker, changing)).toEqual(['a']);
  });

  test('durable writes are for what is in a store', async () => {
    for (const worker of [a, b]) await open(worker);
    for (const worker of [a, b]) {
      const writes = [
        () => cluster.on(worker, ({ kept }) => kept.index.upsert(['a'], [[1, 0, 0, 0]], { durable: true })),
        () => cluster.on(worker, ({ kept }) => kept.index.remove(['a'], { durable: true })),
      ];
      for (const write of writes) {
        if (kind === 'in a store') await write();
        else
          expect(await errorOf(write)).toMatchObject({
            code: 'ERR_INVALID_ARGUMENT',
            argument: 'options.durable',
            message: expect.stringMatching(/has no store/),
          });
      }
    }
  });

  test('of two handles in a process the second one goes on, and stats() is the caller’s own', async () => {
    const lib = path.resolve(__dirname, '../../../../lib');
    const count = ({ require, kept }, at) => {
      const { IndexCore } = require(`${at}/memory/vectors/index-core`);
      const recover = (kept.recover ??= IndexCore.prototype.recover);
      kept.recovers = 0;
      IndexCore.prototype.recover = function counted() {
        kept.recovers += 1;
        return recover.call(this);
      };
    };
    await cluster.on(a, count, lib);
    for (const worker of [a, b]) await open(worker);
    await cluster.on(a, add, ['a'], [[1, 0, 0, 0]]);
    await cluster.on(a, close); // it owns it still
    await cluster.on(b, ({ kept }) => {
      kept.first = [kept.index, kept.store];
    });
    await open(b);
    await cluster.on(b, async ({ kept }) => {
      for (const each of kept.first) await each?.close();
    });
    expect(await cluster.on(b, search, [1, 0, 0, 0], {})).toMatchObject({ ids: ['a'] });
    expect(await cluster.on(a, ({ kept }) => kept.recovers)).toBe(1);
    const changed = ({ kept }) => {
      kept.index.stats().segments.length = 0;
      return kept.index.stats().segments.length;
    };
    expect(await cluster.on(b, changed)).toBeGreaterThan(0);
  });

  test('another kind under the name is refused', async () => {
    await open(a);
    expect(await errorOf(() => open(b, { ...kOptions, dimensions: 5 }))).toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      argument: 'options.dimensions',
    });
    expect(await errorOf(() => open(b, { ...kOptions, metric: 'l2' }))).toMatchObject({ argument: 'options.metric' });
    expect(await errorOf(() => open(a, { ...kOptions, dtype: 'int8' }))).toMatchObject({ argument: 'options.dtype' });
    await open(b);
  });

  test('a search that is given up ends there, and so does one whose time is up', async () => {
    await open(a);
    await open(b);
    const canceled = async ({ kept }) => {
      const controller = new AbortController();
      const searching = kept.index.search([1, 0, 0, 0], { signal: controller.signal });
      controller.abort();
      await searching;
    };
    expect(await errorOf(() => cluster.on(b, canceled))).toMatchObject({ code: 'ERR_CANCELED' });
    const owner = cluster.pids.get(a);
    process.kill(owner, 'SIGSTOP');
    try {
      const late = ({ kept }) => kept.index.search([1, 0, 0, 0], { timeout: 50 });
      expect(await errorOf(() => cluster.on(b, late))).toMatchObject({ code: 'ERR_TIMEOUT' });
    } finally {
      process.kill(owner, 'SIGCONT');
    }
    expect(await cluster.on(b, search, [1, 0, 0, 0], { timeout: 10_000 })).toMatchObject({ ids: [] });
  });

  test('owners are killed while others write and search: nothing is lost, each write is done once', async () => {
    for (const worker of [a, b, shy, 0]) await open(worker);
    const running = [cluster.on(0, churn, 'p', 3), cluster.on(shy, churn, 's', 1), cluster.on(shy, searches)];
    const all = Promise.all(running);
    all.catch(() => {});
    const store = kind === 'in a store' ? path.join(folder, 'store') : cluster.folderOnMemory(path.basename(folder));
    await cluster.killOwners(store, rounds(3, 60), [0, shy], open);
    [a, b] = cluster.workers.filter((worker) => worker !== shy);
    for (const worker of [0, shy]) await cluster.on(worker, stop);
    const [p, s, searched] = await all;
    expect(searched).toBeGreaterThan(10);
    const expected = new Map([...p, ...s]);
    const { ids, vectors } = await cluster.on(shy, search, [0, 0, 0, 0], { k: 100_000, includeVectors: true });
    expect([...ids].sort()).toEqual([...expected.keys()].sort());
    const found = new Map(ids.map((id, i) => [id, vectors.data[4 * i]]));
    for (const [id, value] of expected) expect(found.get(id)).toBe(value);
  });
});

test('an index by name survives who made it, and ends with its cluster', async () => {
  const other = new MemoryCluster();
  const [one, two] = await other.fork(2);
  const options = { ...kOptions, name: 'passing' };
  await other.on(one, openNamed, options);
  await other.on(two, openNamed, options);
  await other.on(one, add, ['a'], [[1, 0, 0, 0]]);
  const at = path.dirname(other.folderOnMemory('passing'));
  expect(fs.statSync(at).mode & 0o777).toBe(0o700);
  await other.kill(one);
  expect(await other.on(two, search, [1, 0, 0, 0], {})).toMatchObject({ ids: ['a'] });
  await other.on(two, close);
  await other.on(0, openNamed, options); // all that had it open have gone
  expect(await other.on(0, search, [1, 0, 0, 0], {})).toMatchObject({ ids: ['a'] });
  await other.end();
  expect(fs.existsSync(at)).toBe(false);
});

test('what a killed cluster has left is removed by the next one', async () => {
  const killed = new MemoryCluster();
  const [one] = await killed.fork(1);
  await killed.on(one, openNamed, { ...kOptions, name: 'left' });
  const at = path.dirname(killed.folderOnMemory('left'));
  await killed.killAll();
  expect(fs.existsSync(at)).toBe(true);
  const next = new MemoryCluster();
  await next.fork(1);
  await next.on(0, openNamed, { ...kOptions, name: 'left' });
  expect(fs.existsSync(at)).toBe(false);
  expect(await next.on(0, ({ kept }) => kept.index.size)).toBe(0);
  await next.end();
});

test('one without a name is its process’s own; one by a name, in a lone process too', async () => {
  for (const worker of [a, b]) {
    await cluster.on(worker, openNamed, kOptions);
    await cluster.on(worker, add, ['mine'], [[1, 0, 0, worker]]);
  }
  expect(await cluster.on(a, ({ kept }) => kept.index.size)).toBe(1);
  await expect(context.createIndex({ ...kOptions, name: 'x' })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(/ask a manager/),
  });
  const lone = new MemoryCluster();
  await lone.on(0, openNamed, { ...kOptions, name: 'x' });
  await lone.on(0, add, ['mine'], [[1, 0, 0, 0]]);
  expect(await lone.on(0, search, [1, 0, 0, 0], {})).toMatchObject({ ids: ['mine'] });
  await lone.end();
});

test('writes that a lone process did are there in a cluster, and the other way round', async () => {
  const at = path.join(folder, 'store');
  const openAlone = async () => {
    const store = await gpu.openStore(at);
    return [store, await context.createIndex({ ...kOptions, store, name: 'vectors' })];
  };
  let [store, index] = await openAlone();
  await index.add(['alone'], [[1, 0, 0, 0]]);
  await index.close();
  await store.close();
  await cluster.on(b, openStored, at, kOptions);
  await cluster.on(b, add, ['together'], [[0, 1, 0, 0]]);
  expect(await cluster.on(b, search, [1, 0.5, 0, 0], {})).toMatchObject({ ids: ['alone', 'together'] });
  await cluster.on(b, close);
  [store, index] = await openAlone();
  expect(await index.search([1, 0.5, 0, 0])).toMatchObject({ ids: ['alone', 'together'] });
  await index.close();
  await store.close();
});
