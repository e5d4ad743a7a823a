// An index of each format that was ever written into a store is opened, searched and written to. Those that are in
// test/fixtures/ were made by makeIndex() below; they stay as they are.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { inRoot } = require('../../support/paths');
const { gpu, random } = require('../../support/random-data');
const { VectorModel } = require('../../support/vector-model');

const kDimensions = 5; // so that rows of odd numbers end between two multiples of 8
const kRows = 301;
const options = (store) => ({ dimensions: kDimensions, metric: 'cosine', dtype: 'float32', store, name: 'kept' });
const idOf = (i) => (i % 3 ? `id ${i}` : i - 150);
const metadataOf = (i) => (i % 4 ? { i, even: i % 2 === 0 } : undefined);

let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-index-versions-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

/** What is done to an index, and to a model of it. */
async function fill(index, model) {
  const put = async (from, to, seed) => {
    const numbers = Array.from({ length: to - from }, (_, i) => from + i);
    const data = random(numbers.length * kDimensions, seed);
    await index.upsert(numbers.map(idOf), data, { metadata: numbers.map(metadataOf) });
    const rows = numbers.map((_, i) => data.slice(i * kDimensions, (i + 1) * kDimensions));
    model.upsert(numbers.map(idOf), rows, numbers.map(metadataOf));
  };
  const remove = async (numbers) => {
    await index.remove(numbers.map(idOf));
    model.remove(numbers.map(idOf));
  };
  await put(0, kRows, 1);
  await remove([0, 1, 2, 50, 300]); // so that numbers do not follow each other
  await index.compact();
  await put(40, 60, 2); // of which the segment's rows are dead then, in the log
  await remove([100, 101]);
}

/** Made once for each format, with SWITCHYARD_MAKE_INDEX=1. */
async function makeIndex(at) {
  const store = await gpu.openStore(at);
  const index = await gpu.createIndex(options(store));
  await fill(index, new VectorModel('cosine'));
  await index.close();
  await store.close();
}

async function expectSame(index, model) {
  expect(index.size).toBe(model.rows.length);
  const query = random(kDimensions, 9);
  const found = await index.search(query, { k: 1000, includeMetadata: true });
  const hits = model.search(query, {});
  expect(found.ids).toEqual(hits.map(({ id }) => id));
  expect([...found.scores]).toEqual(hits.map(({ score }) => score));
  expect(found.metadata).toEqual(hits.map(({ id }) => model.get(id).metadata));
}

async function expectWorks(at) {
  const model = new VectorModel('cosine');
  await fill({ upsert() {}, remove() {}, compact() {} }, model);
  for (let round = 0; round < 2; ++round) {
    const store = await gpu.openStore(at);
    const index = await gpu.createIndex(options(store));
    await expectSame(index, model);
    const even = await index.search(random(kDimensions, 3), { k: 1000, filter: { even: true } });
    expect(even.ids.length).toBe(model.rows.filter(({ metadata }) => metadata?.even).length);
    const data = random(kDimensions, 20 + round);
    await index.upsert([idOf(7)], data);
    model.upsert([idOf(7)], [data], [undefined]);
    expect(await index.remove([idOf(8 + round), 'absent'])).toBe(model.remove([idOf(8 + round)]));
    await expect(index.add([idOf(9 + round)], data)).rejects.toMatchObject({ argument: 'ids' });
    await expectSame(index, model);
    await index.compact();
    await expectSame(index, model);
    await index.close();
    await store.close();
  }
}

const fixture = (format) => inRoot('test', 'fixtures', `index-v${format}`);
if (process.env.SWITCHYARD_MAKE_INDEX)
  test('an index is made', () => makeIndex(fixture(process.env.SWITCHYARD_MAKE_INDEX)));

test('format 1', async () => {
  const at = path.join(folder, 'store');
  fs.cpSync(fixture(1), at, { recursive: true });
  await expectWorks(at);
});
