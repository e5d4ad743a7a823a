// What a caller gives is read inside of the call: ids, vectors and queries that are changed or gone right after it
// change nothing, neither in the index nor in its log.
'use strict';
const { FakeCollection } = require('../../support/fake-collection');
const { gpu, random } = require('../../support/random-data');
const { ownerOf } = require('../../../lib/memory/vectors/owner');
const { VectorIndex } = require('../../../lib/memory/vectors/vector-index');

const kDimensions = 4;
const kOptions = { dimensions: kDimensions, metric: 'dot', dtype: 'float32' };
const kLarge = 5000; // more than is written inside of a call

let context;
beforeAll(async () => {
  context = await gpu.createContext({ device: 'cpu' });
});
afterAll(() => context.close());

const open = (collection) => VectorIndex.recover(new VectorIndex(ownerOf(context), kOptions, {}, { collection }));
const makeIndex = (collection) => (collection ? open(collection) : context.createIndex(kOptions));
const numbers = (count) => Array.from({ length: count }, (_, i) => i);

const changes = [
  ['overwritten', (array) => array.fill(NaN)],
  ['transferred', (array) => structuredClone(array.buffer, { transfer: [array.buffer] })],
];
const spoil = (ids) => ids.splice(0, ids.length, {}, '\ud800', NaN);

describe.each(changes)('%s', (_, change) => {
  test.each([
    ['a small write', 3, false, false],
    ['a small write behind a large one', 3, true, false],
    ['a large write', kLarge, false, false],
    ['a small write in a store', 3, false, true],
    ['a small write in a store behind a large one', 3, true, true],
    ['a large write in a store', kLarge, false, true],
  ])('%s', async (__, count, isBehind, isStored) => {
    const collection = isStored ? new FakeCollection() : undefined;
    const index = await makeIndex(collection);
    const others = numbers(kLarge).map((i) => `other ${i}`);
    const before = isBehind ? index.add(others, new Float32Array(kLarge * kDimensions)) : undefined;
    const [ids, rows, metadata] = [numbers(count), random(count * kDimensions, 1), numbers(count).map((i) => ({ i }))];
    const added = index.add(ids, rows, { metadata });
    change(rows);
    spoil(ids);
    metadata.fill(undefined);
    await Promise.all([before, added]);
    const expectThere = async (at) => {
      const { vectors, metadata: found } = await at.get(numbers(count));
      expect(vectors.data).toEqual(random(count * kDimensions, 1));
      expect(found).toEqual(numbers(count).map((i) => ({ i })));
      await at.upsert([0], new Float32Array(kDimensions));
    };
    await expectThere(index);
    await index.upsert([0], random(kDimensions, 1), { metadata: [{ i: 0 }] });
    const gone = numbers(2);
    const removed = index.remove(gone);
    spoil(gone);
    expect(await removed).toBe(2);
    await index.add(numbers(2), random(2 * kDimensions, 1), { metadata: [{ i: 0 }, { i: 1 }] });
    await index.close();
    if (!collection) return;
    const again = await open(collection.crash());
    await expectThere(again);
    await again.close();
  });

  test('searches', async () => {
    const index = await makeIndex();
    await index.add(numbers(kLarge), random(kLarge * kDimensions, 1));
    const options = () => ({ k: 3, ids: numbers(kLarge / 2) });
    const wanted = await index.search(random(kDimensions, 2), options());
    const calls = [1, 2, 3, 4, 5, 6].map((i) => {
      const [query, given] = [random(kDimensions, 2), { ...options(), ...(i % 2 && { timeout: 99_999 }) }];
      const call = index.search(query, given);
      change(query);
      spoil(given.ids);
      return call;
    });
    for (const found of await Promise.all(calls)) expect(found).toEqual(wanted);
    await index.close();
  });
});

test('a getter that takes the vectors away', async () => {
  const index = await makeIndex();
  const rows = random(kDimensions, 1);
  const metadata = [
    {
      get gone() {
        if (rows.length) structuredClone(rows.buffer, { transfer: [rows.buffer] });
        return 1;
      },
    },
  ];
  await expect(index.add([1], rows, { metadata })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  expect(index.size).toBe(0);
  await index.close();
});

test('a record that no write has made is damage, and says which it is', async () => {
  const collection = new FakeCollection();
  const index = await open(collection);
  await index.add([1], random(kDimensions, 1));
  await index.add([2], random(kDimensions, 2));
  await index.close();
  const bad = new FakeCollection();
  for await (const { bytes } of (await collection.recover()).records) {
    if (bytes.length) new DataView(bytes.buffer).setFloat32(bytes.length - 4, NaN, true);
    await bad.append([bytes]);
  }
  await expect(open(bad)).rejects.toMatchObject({
    code: 'ERR_DAMAGED',
    message: expect.stringMatching(/record 1 .*row 0 has NaN at 3/),
  });
});
