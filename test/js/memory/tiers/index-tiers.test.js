// An index whose memory fills up: what moves down, what comes back, what is refused, and that answers stay the same.
'use strict';
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { ownerOf } = require('../../../../lib/memory/vectors/owner');
const { VectorIndex } = require('../../../../lib/memory/vectors/vector-index');
const { fakeTiers } = require('../../../support/fake-tiers');
const { FakeCollection } = require('../../../support/fake-collection');
const { gpu, random } = require('../../../support/random-data');

const kDimensions = 4;
const kRows = 64; // of a segment
const kOptions = { dimensions: kDimensions, metric: 'dot', dtype: 'float32' };
const kSmall = { segmentBytes: kRows * kDimensions * 4, scanned: 0 };

let context;
beforeAll(async () => {
  context = await gpu.createContext({ device: 'cpu' });
});
afterAll(() => context.close());

const turn = () => new Promise(setImmediate);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (isSo) => {
  while (!isSo()) await turn();
};

/** An owner of copies that are counted, and tiers with numbers of the test's own. */
function fakeOwner(options) {
  const fake = fakeTiers({ limit: 6000, hostLimit: 100_000, ...options }); // a copy has 1024 bytes
  const there = new Set();
  const owner = {
    ...ownerOf(context),
    tiers: fake.tiers,
    places: () => true,
    async place({ data, shape, dtype }) {
      const input = { data: data.slice(), shape, dtype };
      there.add(input);
      return { input, release: () => there.delete(input) };
    },
  };
  return { ...fake, owner, there };
}

/** Of `count` full segments, which are not merged: there are too few. */
async function filled(owner, count, kind = kOptions, place = undefined) {
  const made = new VectorIndex(owner, kind, kSmall, place);
  const index = place ? await VectorIndex.recover(made) : made;
  for (let i = 0; i < count; ++i) {
    const ids = Array.from({ length: kRows }, (_, row) => i * kRows + row);
    await index.add(ids, random(kRows * kDimensions, i));
  }
  return index;
}

const placed = (index) => index.stats().segments.map((segment) => segment.placed);
const query = Float32Array.of(1, 2, 3, 4);
const answer = async (index) => JSON.stringify(await index.search(query, { k: 500 }));

test('copies of segments go down as the device fills up, and come back as they are used', async () => {
  const { owner, there, set } = fakeOwner();
  const index = await filled(owner, 3);
  await until(() => placed(index).every(Boolean));
  const expected = await answer(index);
  expect(there.size).toBe(3);

  set({ device: 0.65 }); // 900 above a half
  expect(there.size).toBe(3); // they were used just now
  set({}, 10_000);
  expect(there.size).toBe(2);
  expect(await answer(index)).toBe(expected);
  set({ device: 0.85 });
  expect(there.size).toBe(0);
  expect(placed(index)).toEqual([false, false, false]);
  expect(await answer(index)).toBe(expected);
  await turn();
  expect(there.size).toBe(0); // not while it is full

  set({ device: 0.3 });
  await turn();
  expect(there.size).toBe(0); // not before they are used
  expect(await answer(index)).toBe(expected);
  await until(() => there.size === 3);
  expect(await answer(index)).toBe(expected);
  await index.close();
  expect(there.size).toBe(0);
});

test('the least used index goes first, a pinned one stays', async () => {
  const { owner, set } = fakeOwner();
  const [a, b, pinned] = [
    await filled(owner, 1),
    await filled(owner, 1),
    await filled(owner, 1, { ...kOptions, pinned: true }),
  ];
  await until(() => [a, b, pinned].every((index) => placed(index)[0]));
  await a.search(query);
  set({ device: 0.61 }, 9500);
  await a.search(query);
  set({});
  expect([a, b, pinned].map((index) => placed(index)[0])).toEqual([true, false, true]);
  set({ device: 0.95 });
  expect([a, b, pinned].map((index) => placed(index)[0])).toEqual([false, false, true]);
  for (const index of [a, b, pinned]) await index.close();
});

test('no copies are made while the device is full; a pinned index may, up to 80%', async () => {
  const { owner, there, set } = fakeOwner();
  set({ device: 0.62 });
  const [plain, pinned] = [await filled(owner, 2), await filled(owner, 2, { ...kOptions, pinned: true })];
  await until(() => placed(pinned).every(Boolean));
  expect(placed(plain)).toEqual([false, false]);
  expect(there.size).toBe(2);
  set({ device: 0.2 });
  await plain.search(query);
  await until(() => placed(plain).every(Boolean));
  await plain.close();
  await pinned.close();
});

test('a copy that a search uses stays until that has ended', async () => {
  const { owner, there, set } = fakeOwner();
  let meanwhile;
  const index = await filled(
    {
      ...owner,
      async run(workload, options) {
        meanwhile?.(workload);
        return owner.run(workload, options);
      },
    },
    1,
  );
  await until(() => there.size === 1);
  meanwhile = ({ inputs }) => {
    set({ device: 0.9 });
    expect([...there]).toEqual([inputs.base]);
  };
  await index.search(query);
  meanwhile = undefined;
  expect(there.size).toBe(0);
  await index.close();
});

/** Searches that overlap, from when `begin` is called until `isOver` says so: the right answer each time. */
async function searching(index, begin, isOver) {
  const expected = await answer(index);
  const searches = Array.from({ length: 4 }, async () => {
    let count = 0;
    for (; !isOver(); ++count) expect(await answer(index)).toBe(expected);
    return count;
  });
  begin();
  for (const count of await Promise.all(searches)) expect(count).toBeGreaterThan(0);
}

test('copies go though searches never pause', async () => {
  const { owner, there, set } = fakeOwner();
  const index = await filled(owner, 3);
  await until(() => placed(index).every(Boolean));
  await searching(
    index,
    () => set({ device: 0.9 }),
    () => there.size === 0,
  );
  await index.close();
});

test('an index that does not fit in the device is copied in part, and that stays', async () => {
  const { owner, there, numbers, set } = fakeOwner({ limit: 4000 });
  let made = 0;
  const place = async (tensor) => {
    ++made;
    const copy = await owner.place(tensor);
    numbers.device = (1024 * there.size) / 4000;
    return copy;
  };
  const index = await filled({ ...owner, place }, 3);
  await until(() => there.size === 2); // 60% are 2400
  for (let i = 0; i < 20; ++i) {
    set({});
    await answer(index);
    await turn();
  }
  expect([made, there.size]).toEqual([2, 2]);
  await index.close();
});

test('writes are refused while the host is full, removals and searches go on', async () => {
  const { owner, set } = fakeOwner();
  const index = await filled(owner, 1);
  set({ host: 0.85 });
  const refused = { code: 'ERR_OUT_OF_MEMORY', message: expect.stringContaining('hostMemoryLimit') };
  await expect(index.add(['x'], random(kDimensions, 9))).rejects.toMatchObject(refused);
  await expect(index.upsert([1], random(kDimensions, 9))).rejects.toMatchObject(refused);
  expect(index.size).toBe(kRows);
  expect((await index.search(query, { k: 1 })).ids).toHaveLength(1);
  expect(await index.remove([0])).toBe(1);
  expect(index.stats().tiers.find(({ tier }) => tier === 'host')).toMatchObject({ state: 'recovery', used: 85_000 });
  set({ host: 0.6 });
  await index.add(['x'], random(kDimensions, 9));
  await index.close();
});

test('recovery clears away what was removed', async () => {
  const { owner, set } = fakeOwner();
  const index = await filled(owner, 3);
  await index.remove(Array.from({ length: 30 }, (_, i) => i * 6)); // fewer than a third of each segment
  await until(() => placed(index).every(Boolean));
  const expected = await answer(index);
  const rows = () => index.stats().segments.reduce((sum, segment) => sum + segment.rows, 0);
  set({ host: 0.7 });
  await turn();
  expect(rows()).toBeGreaterThan(index.size);
  set({ host: 0.85 });
  await until(() => rows() === index.size);
  expect(await answer(index)).toBe(expected);
  await index.close();
});

test('recovery clears nothing away where there is no room for it', async () => {
  const { owner, set } = fakeOwner({ hostLimit: 10_000 });
  const index = await filled(owner, 3);
  await index.remove(Array.from({ length: 30 }, (_, i) => i * 6)); // fewer than a third of each segment
  const { merges } = index.stats();
  set({ host: 0.85 }); // 1500 bytes, of rows of 2592
  for (let i = 0; i < 50; ++i) await turn();
  expect(index.stats().merges).toBe(merges);
  await index.compact(); // who asks for it gets it
  expect(index.stats().merges).toBeGreaterThan(merges);
  await index.close();
});

describe('in a store', () => {
  test('what is cleared away lies in files again at once; for the host alone nothing is', async () => {
    const { owner, disk, set } = fakeOwner({ limit: 100_000 });
    const index = await filled(owner, 3, kOptions, { collection: new FakeCollection(), disk });
    await index.remove(Array.from({ length: 30 }, (_, i) => i * 6));
    const expected = await answer(index);
    const mapped = () => index.stats().segments.map((segment) => segment.mapped);
    const { merges } = index.stats();
    set({ host: 0.85 });
    await until(() => mapped().every(Boolean));
    for (let i = 0; i < 50; ++i) await turn();
    expect(index.stats().merges).toBe(merges);
    set({ disk: 0.85 }, 61_000);
    await until(() => index.stats().merges > merges && mapped().every(Boolean));
    expect(index.stats().segments.reduce((sum, { rows }) => sum + rows, 0)).toBe(index.size);
    expect(await answer(index)).toBe(expected);
    await index.close();
  });

  test('rows of sealed segments give way to the files that have them', async () => {
    const { owner, set } = fakeOwner();
    const collection = new FakeCollection();
    const index = await filled(owner, 3, { ...kOptions, dtype: 'int8' }, { collection });
    await index.remove([3, 70]);
    const expected = await answer(index);
    const mapped = () => index.stats().segments.map((segment) => segment.mapped);
    await until(() => placed(index).every(Boolean));
    expect(mapped()).toEqual([false, false, false]);
    set({ host: 0.65 });
    await until(() => mapped().every(Boolean));
    expect(await answer(index)).toBe(expected);
    expect(index.stats().segments.every(({ coded }) => coded)).toBe(true);
    // Life goes on: more rows, a merge, another checkpoint, and another opening.
    set({ host: 0.1 });
    for (let i = 3; i < 8; ++i)
      await index.add(
        Array.from({ length: kRows }, (_, row) => i * kRows + row),
        random(kRows * kDimensions, i),
      );
    await index.remove([100, 200, 300]);
    await index.compact();
    const all = await answer(index);
    set({ host: 0.65 });
    await until(() => mapped().every(Boolean));
    expect(await answer(index)).toBe(all);
    await index.close();
    const made = new VectorIndex(ownerOf(context), { ...kOptions, dtype: 'int8' }, kSmall, { collection });
    const again = await VectorIndex.recover(made);
    expect(await answer(again)).toBe(all);
    await again.close();
  });

  test('searches beside it see the same rows at each moment', async () => {
    const { owner, there, set } = fakeOwner();
    const index = await filled(owner, 3, kOptions, { collection: new FakeCollection() });
    await until(() => placed(index).every(Boolean));
    const isMapped = () => index.stats().segments.every(({ mapped }) => mapped);
    await searching(index, () => set({ host: 0.65 }), isMapped);
    // Copies come along.
    expect([placed(index), there.size]).toEqual([[true, true, true], 3]);
    await index.close();
    expect(there.size).toBe(0);
  });

  test('a segment that is not what its file has stays in memory, and is not read again and again', async () => {
    const { owner, set } = fakeOwner();
    const collection = new FakeCollection();
    let names = [];
    const reads = [];
    const swapped = {
      recover: () => collection.recover(),
      append: (pieces) => collection.append(pieces),
      checkpoint: (what) => collection.checkpoint(what),
      check: (...where) => collection.check(...where),
      async writeFile(name, pieces) {
        if (name.startsWith('segment')) names = [...names, name];
        return collection.writeFile(name, pieces);
      },
      mapFile(name) {
        reads.push(name);
        return collection.mapFile(names[(names.indexOf(name) + 1) % names.length]); // another segment's
      },
    };
    const index = await filled(owner, 3, kOptions, { collection: swapped });
    await until(() => names.length === 3);
    const expected = await answer(index);
    set({ host: 0.65 });
    await until(() => reads.length >= 3);
    for (let i = 0; i < 5; ++i) {
      set({});
      for (let turns = 0; turns < 20; ++turns) await turn();
    }
    expect(reads).toHaveLength(3);
    expect(index.stats().segments.map(({ mapped }) => mapped)).toEqual([false, false, false]);
    expect(index.stats().problem).toBeUndefined();
    expect(await answer(index)).toBe(expected);
    await index.close();
  });

  test('a store near its limit gives back what it takes for nothing, and goes on', async () => {
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'switchyard-tiers-'));
    const limit = 16 << 20;
    const store = await gpu.openStore(path.join(folder, 'store'), { durable: false, limit });
    const index = await context.createIndex({ dimensions: 4, store, name: 'small' });
    const [events, told] = [[], (event) => events.push(event)];
    context.on('memory-pressure', told);
    const value = Buffer.alloc(100_000, 'x');
    for (let i = 0; i < 97; ++i) await store.put(`k${i}`, value);
    // Of each file two fifths, less than the half that it is written anew for by itself.
    for (let i = 0; i < 97; ++i) if (i % 5 < 2) await store.put(`k${i}`, value);
    await sleep(150); // what a write sees is up to 100 ms old
    let refused;
    for (let i = 0; ; ++i) {
      const error = await index.add(['a'], random(4, 1)).then(
        () => undefined,
        (failed) => failed,
      );
      if (!error) break;
      refused = error;
      expect(i).toBeLessThan(200);
      await sleep(50);
    }
    if (refused) expect(refused).toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
    expect(store.stats().rewritten).toBeGreaterThan(0);
    expect(store.stats().diskBytes).toBeLessThan(0.75 * limit);
    for (let i = 0; i < 97; i += 9) expect((await store.get(`k${i}`)).equals(value)).toBe(true);
    expect(events.filter(({ tier }) => tier === 'disk').map(({ state }) => state)).toContain('recovery');
    expect(events.find(({ tier }) => tier === 'disk').of).toBe(store.path);
    context.off('memory-pressure', told);
    await index.close();
    await store.close();
    await fs.rm(folder, { recursive: true });
  });

  test('a store near its limit takes no more vectors', async () => {
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'switchyard-tiers-'));
    const store = await gpu.openStore(path.join(folder, 'store'), { durable: false, limit: 4 << 20 });
    const index = await context.createIndex({ dimensions: 256, store, name: 'full' });
    let rows = 0;
    const fill = async () => {
      for (; ; ++rows) await index.add([rows], random(256, rows));
    };
    await expect(fill()).rejects.toMatchObject({
      code: 'ERR_OUT_OF_MEMORY',
      message: expect.stringContaining("the disk's limit of 4194304"),
    });
    expect(index.size).toBe(rows);
    const { used, limit, state, of } = index.stats().tiers.find(({ tier }) => tier === 'disk');
    expect({ limit, state, of }).toEqual({ limit: 4 << 20, state: 'recovery', of: store.path });
    expect(used).toBeGreaterThanOrEqual(0.8 * limit);
    expect(used).toBeLessThan(limit);
    await index.close();
    await store.close();
    await fs.rm(folder, { recursive: true });
  });
});
