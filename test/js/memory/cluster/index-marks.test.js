// Writes of an index that are asked for again, since their answer was lost: done once, whatever lies in between - an
// owner's death, checkpoints, segments that were merged.
'use strict';
const { FakeCollection } = require('../../../support/fake-collection');
const { fakeTiers } = require('../../../support/fake-tiers');
const { gpu } = require('../../../support/random-data');
const { IndexCore } = require('../../../../lib/memory/vectors/index-core');
const { ownerOf } = require('../../../../lib/memory/vectors/owner');

const kKind = { dimensions: 2, metric: 'dot', dtype: 'float32' };
const kSmall = { segmentBytes: 16 * 2 * 4, scanned: 0 };
const kFrom = '0123456789abcdef';
let context;
beforeAll(async () => {
  context = await gpu.createContext({ device: 'cpu' });
});
afterAll(() => context.close());

/** As an owner opens it; the one before may never have closed it. */
async function open(collection, isShared = true) {
  const core = new IndexCore(ownerOf(context), kKind, kSmall, { collection, isShared });
  await core.recover();
  return core;
}

const mark = (number, floor = number) => ({ from: kFrom, number, floor });
const rowsOf = (ids) => ({
  data: Float32Array.from(ids.flatMap((_, i) => [i, 1])),
  isOwn: true,
  count: ids.length,
  isOne: false,
});
const add = (core, number, ids) =>
  core.putChecked({ list: ids, rows: rowsOf(ids), metadata: undefined, durable: false }, false, mark(number, 1));
const remove = (core, number, ids) => core.removeChecked({ list: ids, durable: false }, mark(number, 1));

test('by the same owner', async () => {
  const core = await open(new FakeCollection());
  await Promise.all([add(core, 1, ['a', 'b']), add(core, 1, ['a', 'b'])]); // while the first one goes on
  await add(core, 1, ['a', 'b']);
  await expect(add(core, 2, ['a'])).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  expect(core.size).toBe(2);
  expect(await Promise.all([remove(core, 3, ['b', 'b', 'x']), remove(core, 3, ['b', 'b', 'x'])])).toEqual([1, 1]);
  expect(await remove(core, 3, ['b', 'b', 'x'])).toBe(1);
  await core.close();
});

test('by the next owner, of what lies in the log', async () => {
  const collection = new FakeCollection();
  const first = await open(collection);
  await add(first, 1, ['a', 'b', 'c']);
  expect(await remove(first, 2, ['b', 'c', 'x'])).toBe(2);
  const second = await open(collection); // the first one was killed
  await add(second, 1, ['a', 'b', 'c']);
  expect(second.size).toBe(1);
  expect(await remove(second, 2, ['b', 'c', 'x'])).toBe(2);
  await add(second, 3, ['b']);
  expect(await remove(second, 2, ['b', 'c', 'x'])).toBe(2); // which takes nothing away that came behind it
  expect(second.has('b')).toBe(true);
  await second.close();
  await first.close();
});

test('by the next owner, of what a checkpoint has taken the place of', async () => {
  const collection = new FakeCollection();
  let core = await open(collection);
  const ids = (from) => Array.from({ length: 20 }, (_, i) => from + i);
  for (let i = 0; i < 10; ++i) await add(core, i + 1, ids(20 * i)); // several segments
  expect(await remove(core, 11, ids(30))).toBe(20);
  await core.compact();
  const { state } = await collection.recover();
  expect(state).toMatchObject({ format: 3, marks: [[kFrom, 1, expect.any(Array)]] });
  for (let life = 0; life < 3; ++life) {
    core = await open(collection);
    for (let i = 0; i < 10; ++i) await add(core, i + 1, ids(20 * i));
    expect(await remove(core, 11, ids(30))).toBe(20);
    expect(core.size).toBe(180);
    await core.compact();
  }
});

test('one of format 1 is one of format 3 before its first mark, and read by who is alone', async () => {
  const collection = new FakeCollection();
  const alone = await open(collection, false);
  await alone.put(['a'], [[1, 2]], undefined, false);
  await alone.close();
  const { state, through } = await collection.recover();
  await collection.checkpoint({ state: { ...state, format: 1 }, files: [], through });
  const shared = await open(collection);
  expect((await collection.recover()).state).toMatchObject({ format: 3 });
  await add(shared, 1, ['b']);
  await shared.close();
  const again = await open(collection, false);
  expect(again.size).toBe(2);
  await again.put(['c'], [[3, 4]], undefined, false);
  await again.compact();
  await again.close();
  const last = await open(collection);
  await add(last, 1, ['b']);
  expect(last.size).toBe(3);
  await last.close();
});

test('where memory is full writes are refused, but for those that were done before', async () => {
  const { tiers, set } = fakeTiers({ hasDevice: false });
  const core = new IndexCore({ ...ownerOf(context), tiers }, kKind, kSmall, {
    collection: new FakeCollection(),
    isShared: true,
  });
  await core.recover();
  await add(core, 1, ['a']);
  set({ host: 0.9 });
  await expect(add(core, 2, ['b'])).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
  await add(core, 1, ['a']);
  expect(await remove(core, 3, ['a'])).toBe(1); // which makes room
  set({ host: 0.1 });
  await add(core, 2, ['b']);
  expect(core.size).toBe(1);
  await core.close();
});

test('a write that the disk refused is tried again', async () => {
  const collection = new FakeCollection();
  const core = await open(collection);
  collection.refuseAfter = 0;
  await expect(add(core, 1, ['a'])).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
  collection.refuseAfter = Infinity;
  await add(core, 1, ['a']);
  expect(core.size).toBe(1);
  await core.close();
});
