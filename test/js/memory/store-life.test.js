// A store's end, and its indexes: what is under way is waited for, what comes later is refused, what nobody holds goes,
// and index() has what createIndex() makes.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { collectionOf } = require('../../../lib/memory/store');
const { runChild } = require('../../support/run-child');
const { gpu, random } = require('../../support/random-data');

let folder, number;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-store-life-'));
  number = 0;
});
afterEach(() => fs.rmSync(folder, { recursive: true }));
const fresh = () => path.join(folder, String(++number));
const refusal = (code, argument) => expect.objectContaining({ code, ...(argument && { argument }) });

test("close() waits for a collection's call, and later ones are refused", async () => {
  const at = fresh();
  const store = await gpu.openStore(at);
  const collection = await collectionOf(store, 'c');
  let isClosed = false;
  const pieces = async function* few() {
    yield Buffer.alloc(3_000_000, 1);
    store.close().then(() => {
      isClosed = true;
    });
    yield Buffer.alloc(10, 2);
  };
  await expect(collection.writeFile('f', pieces())).rejects.toEqual(refusal('ERR_CLOSED'));
  for (let i = 0; i < 500 && !isClosed; ++i) await sleep(5);
  expect(isClosed).toBe(true);
  for (const call of [
    () => collection.append([Buffer.from('x')]),
    () => collection.recover(),
    () => collection.writeFile('g', []),
    () => collection.mapFile('f'),
    () => collection.check('f', 0, 1),
    () => collection.checkpoint({ state: {}, files: [], through: 0 }),
    () => collection.drop(),
  ])
    await expect(call()).rejects.toEqual(refusal('ERR_CLOSED'));
});

test('a file that is not written to its end takes no room', async () => {
  const at = fresh();
  const store = await gpu.openStore(at);
  const collection = await collectionOf(store, 'c');
  const dataFiles = () => fs.readdirSync(at).filter((name) => name.startsWith('data-'));
  const failing = function* failing() {
    yield Buffer.alloc(3_000_000, 1);
    expect(dataFiles()).toHaveLength(1);
    throw new Error('no more');
  };
  await expect(collection.writeFile('f', failing())).rejects.toThrow('no more');
  expect(dataFiles()).toEqual([]);
  await collection.writeFile('f', [Buffer.alloc(10)]);
  expect(dataFiles()).toHaveLength(1);
  await store.close();
});

test('a closed store holds no files open', async () => {
  const openFiles = () => fs.readdirSync('/proc/self/fd').length;
  const stores = [];
  const before = openFiles();
  for (let i = 0; i < 20; ++i) {
    const store = await gpu.openStore(fresh());
    await store.put('a', 'b');
    await (await collectionOf(store, 'c')).writeFile('f', [Buffer.alloc(10)]);
    await store.close();
    stores.push(store); // which is not collected
  }
  expect(openFiles() - before).toBeLessThan(20);
  expect(stores.every(({ closed }) => closed)).toBe(true);
});

test('records that a checkpoint took while they were read are missed by nobody silently', async () => {
  const store = await gpu.openStore(fresh());
  const collection = await collectionOf(store, 'c');
  await collection.append([Buffer.from('one')]);
  const second = await collection.append([Buffer.from('two')]);
  const { records } = await collection.recover();
  await collection.checkpoint({ state: { n: 2 }, files: [], through: second });
  await expect(
    (async () => {
      for await (const record of records) throw new Error(`there is ${record.sequence}`);
    })(),
  ).rejects.toEqual(refusal('ERR_INVALID_ARGUMENT'));
  await store.close();
});

test('a store that nobody closes or holds is let go of', async () => {
  const at = fresh();
  const ended = await runChild('memory/forgotten-store.js', [at], { nodeOptions: ['--expose-gc'] });
  expect(ended).toMatchObject({ code: 0, stdout: '{"opened":true}\n' });
});

test('index(): as createIndex() with the store, on what is given', async () => {
  const at = fresh();
  const store = await gpu.openStore(at);
  const context = await gpu.createContext({ device: 'cpu' });
  const index = await store.index('words', { dimensions: 4, metric: 'l2', dtype: 'int8', on: context });
  expect([index.dimensions, index.metric, index.dtype]).toEqual([4, 'l2', 'int8']);
  await index.add(['a', 'b'], random(8, 1), { durable: true });
  await expect(store.index('words', { dimensions: 4, metric: 'l2', on: context })).rejects.toThrow(/open already/);
  await index.close();
  expect(context.closed).toBe(false);
  const same = await gpu.createIndex({ dimensions: 4, metric: 'l2', store, name: 'words' });
  expect(same.size).toBe(2);
  await same.close();
  const own = await store.index('words', { dimensions: 4, metric: 'l2' });
  expect((await own.search(random(4, 1), { k: 1 })).ids).toEqual(['a']);
  await own.close();

  const bad = (...given) => expect(store.index(...given)).rejects;
  await bad(undefined, { dimensions: 4 }).toEqual(refusal('ERR_INVALID_ARGUMENT', 'name'));
  await bad('', { dimensions: 4 }).toEqual(refusal('ERR_INVALID_ARGUMENT', 'options.name'));
  await bad('words').toEqual(refusal('ERR_INVALID_ARGUMENT', 'options.dimensions'));
  await bad('words', { dimensions: 4, on: {} }).toEqual(refusal('ERR_INVALID_ARGUMENT', 'options.on'));
  await bad('words', { dimensions: 4, store }).toEqual(refusal('ERR_INVALID_ARGUMENT', 'options.store'));
  await bad('words', { dimensions: 5, metric: 'l2' }).toThrow(/4 dimensions/);
  await store.close();
  await bad('words', { dimensions: 4 }).toEqual(refusal('ERR_CLOSED'));
  await context.close();
});

test('an index of a store that is open to read alone is searched, and nothing is written', async () => {
  const at = fresh();
  const store = await gpu.openStore(at);
  const index = await store.index('i', { dimensions: 4 });
  await index.add(['a', 'b', 'c'], random(12, 1));
  await index.compact();
  await index.remove(['a']);
  await index.close();
  await store.close();
  const files = () => fs.readdirSync(at).map((name) => [name, fs.statSync(path.join(at, name)).size]);
  const before = files();
  const reader = await gpu.openStore(at, { readOnly: true });
  const read = await reader.index('i', { dimensions: 4 });
  expect(read.size).toBe(2);
  await read.compact();
  expect((await read.search(random(4, 2), { k: 5 })).ids).toHaveLength(2);
  expect(read.stats().problem).toBeUndefined();
  await expect(read.add(['d'], random(4, 3))).rejects.toThrow(/readOnly/);
  await expect(reader.index('j', { dimensions: 4 })).rejects.toEqual(refusal('ERR_NOT_FOUND'));
  await read.close();
  await reader.close();
  expect(files()).toEqual(before);
});
