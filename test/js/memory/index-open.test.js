// What an index in a store reads when it is opened, and what only when it is asked for: damage is met by whoever reads
// it, who says so and names the file, and harms nobody else.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { FakeCollection } = require('../../support/fake-collection');
const { gpu, random } = require('../../support/random-data');
const { ownerOf } = require('../../../lib/memory/vectors/owner');
const { VectorIndex } = require('../../../lib/memory/vectors/vector-index');

const kDimensions = 512;
const kRows = 12_000; // 24 MB: more than an opening reads as a whole
const kRowBytes = kDimensions * 4;
const options = (store, dtype = 'float32') => ({ dimensions: kDimensions, metric: 'dot', dtype, store, name: 'large' });
const idOf = (i) => (i % 2 ? i : `id ${i}`);
// So long that no block has both of it and of what every call needs, but for the first ones.
const metadataOf = (i) => ({ i, half: i % 2, text: 'x'.repeat(300) });
const query = random(kDimensions, 5);

let folder, template, file, expected;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-index-open-'));
  template = path.join(folder, 'template');
  const store = await gpu.openStore(template, { durable: false });
  const index = await gpu.createIndex(options(store));
  const all = Array.from({ length: kRows }, (_, i) => i);
  await index.add(all.map(idOf), random(kRows * kDimensions, 1), { metadata: all.map(metadataOf) });
  await index.compact();
  expected = await index.search(query, { k: 5, includeMetadata: true });
  const small = await gpu.createIndex({ dimensions: 2, store, name: 'small' });
  await small.add(['a'], [[1, 0]]);
  await small.close();
  await index.close();
  await store.close();
  [file] = fs
    .readdirSync(template)
    .filter((name) => name.startsWith('data-'))
    .sort((a, b) => fs.statSync(path.join(template, b)).size - fs.statSync(path.join(template, a)).size);
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

let number = 0;
/** A copy of the store, one bit of whose large file is another one. */
function damaged(at) {
  const copy = path.join(folder, String(++number));
  fs.cpSync(template, copy, { recursive: true });
  const opened = fs.openSync(path.join(copy, file), 'r+');
  const byte = Buffer.alloc(1);
  fs.readSync(opened, byte, 0, 1, at);
  byte[0] ^= 4;
  fs.writeSync(opened, byte, 0, 1, at);
  fs.closeSync(opened);
  return copy;
}

const isDamage = expect.objectContaining({ code: 'ERR_DAMAGED', message: expect.stringContaining('data-') });

async function withIndex(at, run, dtype) {
  const store = await gpu.openStore(at);
  const index = await gpu.createIndex(options(store, dtype));
  try {
    return await run(index, store);
  } finally {
    await index.close();
    await store.close();
  }
}

test('it is there again, whatever its codes are', async () => {
  for (const dtype of ['float32', 'int8'])
    await withIndex(
      template,
      async (index) => {
        expect(await index.search(query, { k: 5, includeMetadata: true })).toEqual(expected);
        const { metadata, vectors } = await index.get([idOf(7), idOf(11_999)]);
        expect(metadata).toEqual([metadataOf(7), metadataOf(11_999)]);
        expect(vectors.data).toHaveLength(2 * kDimensions);
        const odd = await index.search(query, { k: kRows, filter: { half: 1 } });
        expect(odd.ids).toHaveLength(kRows / 2);
      },
      dtype,
    );
});

test('a damaged row: searches say so and name the file, all else goes on', async () => {
  const row = 9000;
  await withIndex(damaged(row * kRowBytes + 100), async (index, store) => {
    expect(index.size).toBe(kRows);
    expect(await index.has(idOf(row))).toBe(true);
    for (let i = 0; i < 2; ++i) await expect(index.search(query, { k: 5 })).rejects.toEqual(isDamage);
    await expect(index.range(query, { distance: 1 })).rejects.toEqual(isDamage);
    await expect(index.get([idOf(row)])).rejects.toEqual(isDamage);
    expect((await index.get([idOf(0)])).metadata).toEqual([metadataOf(0)]);
    // What is not read keeps nobody.
    await index.add(['new'], query, { metadata: [{ half: 7 }] });
    expect((await index.search(query, { k: 5, filter: { half: 7 } })).ids).toEqual(['new']);
    expect((await index.search(query, { k: 5, ids: ['new'] })).ids).toEqual(['new']);
    await index.remove([idOf(row)]);
    expect(await index.has(idOf(row))).toBe(false);
    await index.compact(); // which leaves the damaged segment as it is
    await expect(index.search(query, { k: 5 })).rejects.toEqual(isDamage);
    await expect(index.save(path.join(folder, 'saved'))).rejects.toEqual(isDamage);
    expect(index.size).toBe(kRows);
    const small = await gpu.createIndex({ dimensions: 2, store, name: 'small' });
    expect((await small.search([1, 0], { k: 1 })).ids).toEqual(['a']);
    await small.close();
  });
});

test('codes are not made of damage', async () => {
  await withIndex(
    damaged(3000 * kRowBytes),
    async (index) => {
      await expect(index.compact()).rejects.toEqual(isDamage);
      expect(index.stats().segments.every(({ coded }) => !coded)).toBe(true);
      expect(index.stats().problem).toMatch(/data-/);
      await expect(index.search(query, { k: 5 })).rejects.toEqual(isDamage);
    },
    'int8',
  );
});

test('damaged metadata: who asks for it hears of it', async () => {
  const bytes = fs.readFileSync(path.join(template, file));
  const at = bytes.lastIndexOf('{"i":11999');
  expect(at).toBeGreaterThan(kRows * kRowBytes);
  await withIndex(damaged(at + 2), async (index) => {
    const { ids, scores } = await index.search(query, { k: 5 });
    expect({ ids, scores }).toEqual({ ids: expected.ids, scores: expected.scores });
    await expect(index.search(query, { k: 5, filter: { half: 1 } })).rejects.toEqual(isDamage);
    await expect(index.get([idOf(11_999)])).rejects.toEqual(isDamage);
  });
});

test('what every call needs is read by the opening', async () => {
  const store = await gpu.openStore(damaged(kRows * kRowBytes + 5000));
  await expect(gpu.createIndex(options(store))).rejects.toEqual(isDamage);
  const small = await gpu.createIndex({ dimensions: 2, store, name: 'small' });
  expect(small.size).toBe(1);
  await small.close();
  await store.close();
});

// ---- a checkpoint that somebody has made up

const kSmall = { segmentBytes: 64 * 2 * 4, scanned: 0 };
const open = (context, collection) =>
  VectorIndex.recover(
    new VectorIndex(ownerOf(context), { dimensions: 2, metric: 'dot', dtype: 'float32' }, kSmall, { collection }),
  );

test.each([
  ['rows', 65],
  ['rows', 0],
  ['rows', 2 ** 52],
  ['rows', -1],
  ['rows', 1.5],
  ['rows', '64'],
  ['bytes', 2 ** 40],
  ['bytes', 0],
  ['bytes', -64],
  ['at', 8],
  ['at', 2 ** 40],
  ['at', undefined],
])('an entry whose %s is %p', async (field, value) => {
  const context = await gpu.createContext({ device: 'cpu' });
  const collection = new FakeCollection();
  const index = await open(context, collection);
  const ids = Array.from({ length: 64 }, (_, i) => i);
  await index.add(ids, random(128, 1));
  await index.compact();
  await index.close();
  const { state, files, through } = await collection.recover();
  const [entry] = state.segments;
  expect(entry).toMatchObject({ rows: 64, at: 512 });
  entry[field] = value;
  await collection.checkpoint({ state, files: files.map(({ name }) => name), through });
  await expect(open(context, collection)).rejects.toMatchObject({
    code: expect.stringMatching(/^ERR_(DAMAGED|INVALID_ARGUMENT)$/),
    message: expect.stringMatching(/rows|segment|stored/),
  });
  await context.close();
});
