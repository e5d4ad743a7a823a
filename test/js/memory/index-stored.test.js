// Indexes that are saved to a file, and those that lie in a store's collection: after a crash at any moment there is
// what was acknowledged, and nothing of what was refused.
'use strict';
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const fc = require('fast-check');
const { FakeCollection } = require('../../support/fake-collection');
const { gpu, random } = require('../../support/random-data');
const { rounds } = require('../../support/rounds');
const { VectorModel } = require('../../support/vector-model');
const { ownerOf } = require('../../../lib/memory/vectors/owner');
const { VectorIndex } = require('../../../lib/memory/vectors/vector-index');

const kDimensions = 4;
const kOptions = { dimensions: kDimensions, metric: 'dot', dtype: 'int8' };
const kSmall = { segmentBytes: 64 * kDimensions * 4, scanned: 0 };

let context, folder;
beforeAll(async () => {
  context = await gpu.createContext({ device: 'cpu' });
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'switchyard-index-'));
});
afterAll(async () => {
  await context.close();
  await fs.rm(folder, { recursive: true });
});

const open = (collection) => VectorIndex.recover(new VectorIndex(ownerOf(context), kOptions, kSmall, { collection }));

async function expectSame(index, model) {
  expect(index.size).toBe(model.rows.length);
  const query = Float32Array.of(1, 2, 3, 4);
  const found = await index.search(query, { k: 10_000, includeMetadata: true });
  const hits = model.search(query, {});
  expect(found.ids).toEqual(hits.map(({ id }) => id));
  expect([...found.scores]).toEqual(hits.map((hit) => hit.score));
  expect(found.metadata).toEqual(hits.map(({ id }) => model.get(id).metadata));
}

const vectors = fc
  .array(fc.integer({ min: -3, max: 3 }), { minLength: kDimensions, maxLength: kDimensions })
  .map((list) => Float32Array.from(list));
const ids = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 200 }).map(String));
const metadata = fc.option(fc.record({ n: fc.integer() }), { nil: undefined });
const operations = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ rows: fc.array(fc.tuple(ids, vectors, metadata), { minLength: 1, maxLength: 60 }) }),
    },
    { weight: 2, arbitrary: fc.record({ remove: fc.array(ids, { minLength: 1, maxLength: 40 }) }) },
    { weight: 1, arbitrary: fc.constant({ compact: true }) },
    { weight: 2, arbitrary: fc.constant({ crash: true }) },
    { weight: 1, arbitrary: fc.constant({ refuse: true }) },
  ),
  { minLength: 5, maxLength: 25 },
);
const distinct = (list) => [...new Map(list.map((row) => [row[0], row])).values()];
const flat = (list) => Float32Array.from(list.flatMap((vector) => [...vector]));

async function write(index, model, each) {
  if (each.remove) return expect(await index.remove(each.remove)).toBe(model.remove(each.remove));
  const list = distinct(each.rows);
  const own = list.map(([id]) => id);
  const all = list.map(([, vector]) => vector);
  const objects = list.map(([, , object]) => object);
  await index.upsert(own, flat(all), { metadata: objects });
  model.upsert(own, all, objects);
}

test('random operations, crashes and refusals', async () => {
  await fc.assert(
    fc.asyncProperty(operations, async (list) => {
      let collection = new FakeCollection();
      let index = await open(collection);
      const model = new VectorModel('dot');
      for (const each of list) {
        if (each.compact) {
          await index.compact();
        } else if (each.crash) {
          collection = collection.crash();
          await index.close();
          index = await open(collection);
        } else if (each.refuse) {
          collection.refuseAfter = 0;
          await expect(index.upsert(['x', 5], new Float32Array(8))).rejects.toThrow('disk is full');
          expect(await index.has('x')).toBe(false);
          collection.refuseAfter = Infinity;
        } else {
          await write(index, model, each);
        }
        await expectSame(index, model);
      }
      await index.close();
      index = await open(collection.crash());
      await expectSame(index, model);
      await index.close();
    }),
    { numRuns: rounds(40, 600) },
  );
}, 300_000);

test('writes that come at once: those with an id in common in order, a refused one alone', async () => {
  const collection = new FakeCollection();
  const index = await open(collection);
  const one = Float32Array.of(1, 0, 0, 0);
  const twice = await Promise.allSettled([index.add(['a'], one), index.add(['a'], one), index.add(['b'], one)]);
  expect(twice.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(twice[1].reason).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  const mixed = [index.remove(['a']), index.add(['a', 'c'], new Float32Array(8)), index.remove(['c', 'b'])];
  expect(await Promise.all(mixed)).toEqual([1, undefined, 2]);
  expect(index.size).toBe(1);
  collection.refuseAfter = 1;
  const third = await Promise.allSettled([index.add([1], one), index.add([2], one), index.upsert(['a'], one)]);
  expect(third.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  collection.refuseAfter = Infinity;
  await index.close();
  const again = await open(collection.crash());
  expect(again.size).toBe(2);
  expect((await again.get(['a', 1])).vectors.data).toEqual(Float32Array.of(0, 0, 0, 0, 1, 0, 0, 0));
  await again.close();
});

test('a checkpoint leaves the records of the segment that is open, and its files alone', async () => {
  const collection = new FakeCollection();
  const index = await open(collection);
  for (let i = 0; i < 40; ++i)
    await index.upsert(
      Array.from({ length: 10 }, (_, j) => i * 10 + j),
      random(10 * kDimensions, i),
    );
  await index.compact();
  await index.upsert([1], random(kDimensions, 99));
  expect(collection.size).toEqual({ records: 1, files: 2 });
  const { ids: before } = await index.search(random(kDimensions, 100), { k: 400 });
  await index.close();
  const again = await open(collection.crash());
  expect((await again.search(random(kDimensions, 100), { k: 400 })).ids).toEqual(before);
  await again.close();
});

test('another kind of index under the name, and one of a newer version', async () => {
  const collection = new FakeCollection();
  await (await open(collection)).close();
  const other = new VectorIndex(ownerOf(context), { ...kOptions, dimensions: 5 }, kSmall, { collection });
  await expect(VectorIndex.recover(other)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(/4 dimensions and the metric 'dot', not 5/),
  });
  const { state } = await collection.recover();
  await collection.checkpoint({ state: { ...state, format: 3 }, files: [], through: 0 });
  await expect(open(collection)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
});

describe('one file', () => {
  const file = () => path.join(folder, `${Math.random()}.index`);

  async function filled() {
    const index = new VectorIndex(ownerOf(context), kOptions, kSmall);
    const model = new VectorModel('dot');
    for (let i = 0; i < 12; ++i) {
      const own = Array.from({ length: 30 }, (_, j) => (j % 2 ? `${(i * 17 + j) % 150}` : (i * 23 + j) % 150));
      const all = own.map((_, j) => random(kDimensions, i * 100 + j).map((x) => Math.round(x * 3)));
      const objects = own.map((id) => (id === 4 ? undefined : { id }));
      await index.upsert(own, flat(all), { metadata: objects });
      model.upsert(own, all, objects);
      const gone = [i, `${i * 3}`];
      expect(await index.remove(gone)).toBe(model.remove(gone));
    }
    return { index, model };
  }

  test('is read as it was saved, and replaced whole', async () => {
    const { index, model } = await filled();
    const target = file();
    await fs.writeFile(target, 'something else');
    await index.save(target);
    const loaded = await gpu.VectorIndex.load(target, { on: context });
    expect(loaded).toBeInstanceOf(gpu.VectorIndex);
    expect([loaded.dimensions, loaded.metric, loaded.dtype]).toEqual([kDimensions, 'dot', 'int8']);
    await expectSame(loaded, model);
    await write(loaded, model, { rows: [[4, Float32Array.of(1, 1, 1, 1), { id: 4 }]] });
    await loaded.compact();
    await expectSame(loaded, model);
    await loaded.save(target);
    await expectSame(await gpu.VectorIndex.load(target, { on: context }), model);
    expect((await fs.readdir(folder)).filter((name) => name.endsWith('.partial'))).toEqual([]);
    await index.close();
    await loaded.close();
  });

  test('an empty index', async () => {
    const index = await context.createIndex({ dimensions: 3, metric: 'l2' });
    const target = file();
    await index.save(target);
    const loaded = await gpu.VectorIndex.load(target);
    expect([loaded.size, loaded.dimensions, loaded.metric]).toEqual([0, 3, 'l2']);
    await loaded.close();
    await index.close();
  });

  test('writes go on while it is saved, which has the moment of the call', async () => {
    const { index, model } = await filled();
    const target = file();
    const saved = index.save(target);
    for (let i = 0; i < 20; ++i) await index.upsert([i, `${i}`], random(2 * kDimensions, i));
    await index.compact();
    await saved;
    const loaded = await gpu.VectorIndex.load(target, { on: context });
    await expectSame(loaded, model);
    await index.close();
    await loaded.close();
  });

  test('a bit flipped anywhere but between its parts is found, and so is a cut', async () => {
    const { index } = await filled();
    const target = file();
    await index.save(target);
    const bytes = await fs.readFile(target);
    const wanted = await index.search(Float32Array.of(1, 2, 3, 4), { k: 1000 });
    let found = 0;
    for (let i = 0; i < rounds(150, 1000); ++i) {
      const at = Math.floor(((random(1, i)[0] + 1) / 2) * bytes.length);
      const changed = Buffer.from(bytes);
      changed[at] ^= 1 << (i % 8);
      await fs.writeFile(target, changed);
      try {
        const loaded = await gpu.VectorIndex.load(target, { on: context });
        expect(await loaded.search(Float32Array.of(1, 2, 3, 4), { k: 1000 })).toEqual(wanted);
        expect(bytes[at]).toBe(0); // of the zeros between two parts
        await loaded.close();
      } catch (error) {
        expect(['ERR_DAMAGED', 'ERR_INVALID_ARGUMENT']).toContain(error.code);
        found += 1;
      }
    }
    expect(found).toBeGreaterThan(0);
    for (const length of [0, 7, 71, 4096, bytes.length - 1]) {
      await fs.writeFile(target, bytes.subarray(0, length));
      const code = expect.stringMatching(/ERR_DAMAGED|ERR_INVALID_ARGUMENT/);
      await expect(gpu.VectorIndex.load(target, { on: context })).rejects.toMatchObject({ code });
    }
    await index.close();
  });

  test('what is no place for it', async () => {
    const index = await context.createIndex({ dimensions: 3 });
    await expect(index.save(path.join(folder, 'no', 'x'))).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await expect(index.save('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'path' });
    await expect(gpu.VectorIndex.load(file(), { on: context })).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await expect(gpu.VectorIndex.load(folder, { on: {} })).rejects.toMatchObject({ argument: 'options.on' });
    await index.close();
  });
});
