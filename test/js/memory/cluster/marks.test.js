// Which writes were done: what is remembered of them, in a table and in a log.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { GPUError } = require('../../../../lib/core');
const { StoreHost } = require('../../../../lib/memory/cluster/host');
const { StoreMarks } = require('../../../../lib/memory/cluster/store-marks');
const {
  collectionOf,
  kinds,
  Marks,
  openStore,
  packMark,
  unpackMark,
  readMark,
} = require('../../../../lib/memory/store');

const kFrom = '00112233aabbccdd';
const kOther = 'ffffffffffffffff';
const mark = (number, floor = 0, from = kFrom) => ({ from, number, floor });

test('a write is done once, and its result given again', async () => {
  const marks = new Marks();
  let done = 0;
  const write = async () => {
    done += 1;
    marks.note(mark(1), 5);
    return 5;
  };
  expect(await Promise.all([marks.once(mark(1), write), marks.once(mark(1), write)])).toEqual([5, 5]);
  expect(await marks.once(mark(1), write)).toBe(5);
  expect(done).toBe(1);
  expect(await marks.once(undefined, write)).toBe(5); // of nobody who could ask again
  expect(done).toBe(2);
});

test('one that failed is tried again', async () => {
  const marks = new Marks();
  await expect(
    marks.once(mark(1), async () => {
      throw new Error('full');
    }),
  ).rejects.toThrow('full');
  expect(await marks.once(mark(1), async () => 3)).toBe(3);
});

test('no more is kept than what somebody may ask for, of 1024 processes', async () => {
  const marks = new Marks();
  for (let i = 1; i <= 1000; ++i) marks.note(mark(i, Math.max(0, i - 10)), i);
  expect(marks.dump()).toEqual([[kFrom, 990, Array.from({ length: 11 }, (_, i) => [990 + i, 990 + i])]]);
  for (let i = 0; i < 2000; ++i) marks.note(mark(1, 0, i.toString(16).padStart(16, '0')), 0);
  expect(marks.dump()).toHaveLength(1024);
  expect(marks.dump().some(([from]) => from === kFrom)).toBe(false);
});

test('what a dump has is known after it', async () => {
  const marks = new Marks();
  marks.note(mark(7, 5), 42);
  const again = new Marks(JSON.parse(JSON.stringify(marks.dump())));
  const never = async () => {
    throw new Error('done again');
  };
  expect(await again.once(mark(7), never)).toBe(42);
  expect(await again.once(mark(4), never)).toBe(0); // it has had its answer
  await expect(again.once(mark(6), never)).rejects.toThrow('done again');
  again.note(mark(7, 5), 0); // as a record behind the dump says
  expect(await again.once(mark(7), never)).toBe(42);
});

test('a mark comes through a record, and what is none is left alone', () => {
  const given = mark(2 ** 40 + 3, 2 ** 40);
  const rest = new Uint8Array([2, 0, 0, 0, 9]);
  const bytes = Buffer.concat([packMark(given, 4096), rest]);
  expect(unpackMark(bytes)).toEqual({ mark: given, result: 4096, rest: Buffer.from(rest) });
  expect(unpackMark(rest)).toBeUndefined();
  expect(unpackMark(Buffer.concat([rest, Buffer.alloc(64)]))).toBeUndefined();
});

test.each([undefined, null, 7, {}, mark('1'), mark(-1), mark(1.5), mark(1, NaN), mark(1, 0, 'xyz'), mark(1, 0, 'AA')])(
  '%p is no mark',
  (value) => expect(readMark(value)).toBeUndefined(),
);

test('a mark that was sent is one', () => {
  expect(readMark(JSON.parse(JSON.stringify(mark(3, 1))))).toEqual(mark(3, 1));
});

test.each([
  ['a word', 'marks'],
  ['a requester that is none', [1]],
  ['one without results', [[kFrom, 1]]],
  ['a result that is none', [[kFrom, 1, [5]]]],
])('%s instead of what a checkpoint has is damage', (_, dump) => {
  expect(() => new Marks(dump)).toThrow(expect.objectContaining({ code: 'ERR_DAMAGED' }));
});

describe('writes of a store', () => {
  let folder;
  beforeEach(() => {
    folder = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'sw-marks-')), 'store');
  });
  afterEach(() => fs.rmSync(path.dirname(folder), { recursive: true }));

  test('a put that was refused is no write that was done, for the next owner, too', async () => {
    let store = await openStore(folder);
    const full = async () => Promise.reject(new GPUError('ERR_OUT_OF_MEMORY', 'full'));
    let marks = await StoreMarks.of(store);
    await expect(marks.put('k', mark(1), full)).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
    await marks.put('other', mark(2), () => store.put('other', 'v'));
    await marks.settle();
    await store.close();
    store = await openStore(folder);
    marks = await StoreMarks.of(store);
    let again = 0;
    await marks.put('other', mark(2), async () => (again += 1));
    expect(again).toBe(0);
    await marks.put('k', mark(1), () => store.put('k', 'v'));
    expect(String(await store.get('k'))).toBe('v');
    await store.close();
  });

  const soon = (promise) => Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 200))]);

  test.each([[1], [2]])('a delete whose owner was killed after record %i of it is done once', async (records) => {
    let store = await openStore(folder);
    let marks = await StoreMarks.of(store);
    await marks.put('k', mark(1), () => store.put('k', 'v'));
    const remove = records === 1 ? () => new Promise(() => {}) : () => store.delete('k');
    await soon(marks.delete('k', mark(2), remove));
    await store.close();
    store = await openStore(folder);
    marks = await StoreMarks.of(store);
    // Another has the key by now: it must keep it where the delete was done.
    if (records === 2) await marks.put('k', mark(1, 1, kOther), () => store.put('k', 'of another'));
    expect(await marks.delete('k', mark(2), () => store.delete('k'))).toBe(1);
    expect((await store.get('k'))?.toString()).toBe(records === 2 ? 'of another' : undefined);
    await marks.settle();
    await store.close();
    store = await openStore(folder);
    marks = await StoreMarks.of(store);
    expect(await marks.delete('k', mark(2), () => store.delete('k'))).toBe(1);
    expect((await store.get('k'))?.toString()).toBe(records === 2 ? 'of another' : undefined);
    await store.close();
  });

  test.each([[1], [2]])('a put whose owner was killed after record %i of it is done once', async (records) => {
    let store = await openStore(folder);
    let marks = await StoreMarks.of(store);
    await marks.put('k', mark(1), () => store.put('k', 'before'));
    const put = records === 1 ? () => new Promise(() => {}) : () => store.put('k', 'mine');
    await soon(marks.put('k', mark(2), put));
    await store.close();
    store = await openStore(folder);
    marks = await StoreMarks.of(store);
    await marks.delete('k', mark(1, 1, kOther), () => store.delete('k'));
    await marks.put('k', mark(2), () => store.put('k', 'mine'));
    expect((await store.get('k'))?.toString()).toBe(records === 2 ? undefined : 'mine');
    await marks.settle();
    await store.close();
  });

  test('what was refused is not done because another write of the key has come after it', async () => {
    let store = await openStore(folder);
    let marks = await StoreMarks.of(store);
    const full = async () => Promise.reject(new GPUError('ERR_OUT_OF_MEMORY', 'full'));
    await marks.put('k', mark(1), full).catch(() => {});
    await marks.put('k', mark(1, 1, kOther), () => store.put('k', 'of another'));
    await marks.settle();
    await store.close();
    store = await openStore(folder);
    marks = await StoreMarks.of(store);
    await marks.put('k', mark(1), () => store.put('k', 'mine'));
    expect(String(await store.get('k'))).toBe('mine');
    await store.close();
  });

  test('one that three owners begin and two die of is done once all the same', async () => {
    const dies = () => new Promise(() => {});
    for (let owner = 0; owner < 2; ++owner) {
      const store = await openStore(folder);
      await soon((await StoreMarks.of(store)).put('k', mark(1), dies));
      await store.close();
    }
    const store = await openStore(folder);
    const marks = await StoreMarks.of(store);
    await marks.put('k', mark(1), () => store.put('k', 'v'));
    expect(String(await store.get('k'))).toBe('v');
    await marks.settle();
    await store.close();
  });

  test('a log of more records than a checkpoint waits for loses no mark', async () => {
    let store = await openStore(folder);
    const collection = await collectionOf(store, 'cluster/marks');
    await collection.recover();
    const { put } = kinds;
    for (let i = 1; i <= 5000; ++i)
      collection.append([packMark(mark(i), 0, put), Buffer.from(`k${i}`)], { durable: false });
    await Promise.all(Array.from({ length: 5000 }, (_, i) => store.put(`k${i + 1}`, 'v', { durable: false })));
    await store.close();
    for (let owner = 0; owner < 2; ++owner) {
      store = await openStore(folder);
      const marks = await StoreMarks.of(store);
      let again = 0;
      for (const i of [1, 4095, 4096, 4097, 5000]) await marks.put(`k${i}`, mark(i), async () => (again += 1));
      expect(again).toBe(0);
      await marks.settle();
      await store.close();
    }
  });

  test('a checkpoint leaves intents whose writes are under way', async () => {
    let store = await openStore(folder);
    let marks = await StoreMarks.of(store);
    await marks.put('k', mark(1), () => store.put('k', 'v'));
    let release;
    const held = new Promise((resolve) => {
      release = resolve;
    });
    const removing = marks.delete('k', mark(2), async () => {
      const removed = store.delete('k');
      await held;
      return removed;
    });
    // More than one checkpoint's worth.
    for (let i = 0; i < 4200; i += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, at) =>
          marks.put(`o${i + at}`, mark(i + at + 1, 0, kOther), () => store.put(`o${i + at}`, 'v', { durable: false })),
        ),
      );
    await store.snapshot(`${folder}-killed`); // as it is now
    release();
    await removing;
    await marks.settle();
    await store.close();
    store = await openStore(`${folder}-killed`);
    marks = await StoreMarks.of(store);
    expect(await marks.delete('k', mark(2), () => store.delete('k'))).toBe(1);
    expect(await store.get('k')).toBeUndefined();
    await store.close();
  });

  test('one whose mark finds no room was done all the same', async () => {
    const collection = {
      recover: async () => ({ state: undefined, records: [] }),
      append: async () => Promise.reject(new GPUError('ERR_OUT_OF_MEMORY', 'full')),
    };
    const keys = ['k'];
    const remove = async () => keys.splice(0);
    const marks = new StoreMarks({ list: async () => keys }, collection, new Marks());
    expect(await marks.put('k', mark(1, 1), async () => {})).toBe(0);
    // Asked for again, this owner knows of it; a put may be done twice, a removal finds nothing the second time.
    for (let i = 0; i < 2; ++i) expect(await marks.delete('k', mark(2, 1), remove)).toBe(1);
    let left = 7;
    const forget = async () => left-- && 7;
    for (let i = 0; i < 2; ++i) expect(await marks.once(mark(3, 1), forget)).toBe(7);
    expect(left).toBe(6);
    const failing = async () => Promise.reject(new GPUError('ERR_CLOSED', 'the disk has failed'));
    keys.push('k');
    await expect(marks.delete('k', mark(4, 1), failing)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(await marks.delete('k', mark(4, 1), remove)).toBe(1);
  });

  test('what is no write of one record is done once, by the next owner, too', async () => {
    let store = await openStore(folder);
    let marks = await StoreMarks.of(store);
    let times = 0;
    const run = async () => ++times * 10;
    expect(await Promise.all([marks.once(mark(1, 1), run), marks.once(mark(1, 1), run)])).toEqual([10, 10]);
    await marks.settle();
    await store.close();
    store = await openStore(folder);
    marks = await StoreMarks.of(store);
    expect(await marks.once(mark(1, 1), run)).toBe(10);
    expect(await marks.once(mark(2, 1), run)).toBe(20);
    await marks.settle();
    await store.close();
  });

  test('a store whose marks are damaged is left closed', async () => {
    const store = await openStore(folder);
    const collection = await collectionOf(store, 'cluster/marks');
    await collection.recover();
    await collection.checkpoint({ state: { marks: 'none' }, files: [], through: 0 });
    await store.close();
    const opening = { durable: true, limit: 0 };
    await expect(StoreHost.open({}, folder, opening, false)).rejects.toMatchObject({ code: 'ERR_DAMAGED' });
    await (await openStore(folder)).close(); // whose lock is free
  });
});
