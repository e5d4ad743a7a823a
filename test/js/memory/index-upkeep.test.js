// What goes on behind writes: merges that fail, devices that are full, compactions beside writes, checkpoints that the
// disk refuses; and searches whose segment is sealed meanwhile.
'use strict';
const { setTimeout: sleep } = require('node:timers/promises');
const { native } = require('../../../lib/addon');
const { settle } = require('../../../lib/call');
const { Maintenance } = require('../../../lib/memory/vectors/maintenance');
const { ownerOf } = require('../../../lib/memory/vectors/owner');
const { Segments } = require('../../../lib/memory/vectors/segments');
const { VectorIndex } = require('../../../lib/memory/vectors/vector-index');
const { FakeCollection } = require('../../support/fake-collection');
const { gpu, random } = require('../../support/random-data');

const kDimensions = 4;
const kOptions = { dimensions: kDimensions, metric: 'dot', dtype: 'int8' };
const kSmall = { segmentBytes: 64 * kDimensions * 4, scanned: 0 };

let context;
beforeAll(async () => {
  context = await gpu.createContext({ device: 'cpu' });
});
afterAll(() => context.close());

const turn = () => new Promise(setImmediate);
const numbers = (count, from = 0) => Array.from({ length: count }, (_, i) => from + i);
const put = (index, ids, salt = ids[0]) => index.upsert(ids, random(ids.length * kDimensions, salt));
/** A context whose jobs and copies go through these. */
const owner = (what) => ({ ...ownerOf(context), ...what });
const run = (workload, options) => context.run(workload, options);

describe('a search whose segment is sealed meanwhile', () => {
  test.each([
    ['a mask', [0, 1]],
    ['no mask', []],
  ])('and goes where jobs run, with %s', async (_, removed) => {
    const kRows = 6000; // so many that the second round is a job's, too
    const [of, capacity] = [random(kDimensions, 1), 8192];
    const same = (count) => Float32Array.from({ length: count * kDimensions }, (__, i) => of[i % kDimensions]);
    let meanwhile;
    const hooked = owner({
      places: () => true,
      place: async ({ data, shape, dtype }) => ({ input: { data: data.slice(), shape, dtype }, release() {} }),
      async run(workload, options) {
        const own = workload.type === 'similarity-search' && meanwhile;
        if (own) {
          meanwhile = undefined;
          await own();
        }
        return run(workload, options);
      },
    });
    const limits = { segmentBytes: capacity * kDimensions * 4, scanned: 0 };
    const index = new VectorIndex(hooked, { ...kOptions, dtype: 'float32' }, limits);
    await index.add(numbers(kRows), same(kRows));
    await index.remove(removed);
    meanwhile = async () => {
      await index.add(
        numbers(capacity - kRows, kRows),
        same(capacity - kRows).map((x) => x * 2),
      );
      while (!index.stats().segments[0].placed) await turn();
    };
    const { ids, explain } = await index.search(of, { k: 3, explain: true });
    expect(ids).toEqual(numbers(3, removed.length));
    expect(explain.segments).toMatchObject([{ rows: kRows }]);
    expect(explain.segments[0].rounds).toBeGreaterThan(1);
    await index.close();
  });

  test('and gets its codes', async () => {
    const table = new native.VectorTable(kDimensions, 1, kSmall.segmentBytes, 0);
    const segments = new Segments(table, owner(), kDimensions, 'int8');
    table.append(0, numbers(10), random(10 * kDimensions, 1), undefined, false);
    const [{ name }] = table.segments();
    const held = segments.enter(name, false);
    table.append(0, numbers(54, 10), random(54 * kDimensions, 2), undefined, false);
    await segments.code(table.segments()[0]);
    expect(segments.inputsOf(held, 64, false)).toMatchObject({
      inputs: { base: { dtype: 'int8', shape: [64, kDimensions] } },
    });
    expect(segments.inputsOf(held, 10, false)).toEqual({
      inputs: { base: { data: random(10 * kDimensions, 1), shape: [10, kDimensions], dtype: 'float32' } },
    });
    segments.leave(held);
  });
});

describe('what fails', () => {
  test('a merge whose codes are not made is left alone for a while', async () => {
    let attempts = 0;
    const failing = owner({
      run(workload, options) {
        if (workload.type !== 'quantize' || workload.inputs.input.shape[0] <= 64) return run(workload, options);
        attempts += 1;
        throw new gpu.GPUError('ERR_OUT_OF_MEMORY', 'the device is full');
      },
    });
    const collection = new FakeCollection();
    const index = await VectorIndex.recover(new VectorIndex(failing, kOptions, kSmall, { collection }));
    for (let i = 0; i < 4; ++i) await put(index, numbers(64, i * 64));
    for (let i = 0; i < 40; ++i) {
      await put(index, [i]);
      await sleep(5);
    }
    expect(attempts).toBeGreaterThan(0);
    expect(attempts).toBeLessThan(10);
    expect(index.stats()).toMatchObject({ size: 256, merges: 0, problem: expect.stringMatching(/the device is full/) });
    expect(collection.size).toMatchObject({ files: 5, records: 40 }); // a checkpoint was made all the same
    await expect(index.compact()).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
    expect((await index.search(random(kDimensions, 9), { k: 300 })).ids).toHaveLength(256);
    await index.close();
  });

  test('a device that is full keeps neither merges nor checkpoints from going on, and is tried again', async () => {
    let isFull = true;
    const copies = { made: 0, released: 0 };
    const placing = owner({
      places: () => true,
      async place(tensor) {
        if (isFull && tensor.shape.length === 1) throw new Error('no room for the scales');
        copies.made += 1;
        return { input: tensor, release: () => (copies.released += 1) };
      },
    });
    const collection = new FakeCollection();
    const index = await VectorIndex.recover(new VectorIndex(placing, kOptions, kSmall, { collection }));
    for (let i = 0; i < 4; ++i) await put(index, numbers(64, i * 64));
    await index.remove(numbers(100));
    await index.compact();
    const problem = expect.stringMatching(/no room for the scales/);
    expect(index.stats()).toMatchObject({ segments: [{ rows: 156, coded: true, placed: false }], problem });
    expect(collection.size).toEqual({ files: 2, records: 0 });
    expect(copies.made).toBeGreaterThan(0);
    expect(copies.released).toBe(copies.made);
    expect((await index.search(random(kDimensions, 9), { k: 300 })).ids).toHaveLength(156);
    isFull = false;
    while (!index.stats().segments[0].placed) await turn(); // nobody writes
    expect(index.stats().problem).toBeUndefined();
    await index.close();
    expect(copies.released).toBe(copies.made);
  });

  test('copies of a segment that goes while they are made are released', async () => {
    let go = () => {};
    const gate = new Promise((resolve) => (go = resolve));
    const copies = { begun: 0, made: 0, released: 0 };
    const slow = owner({
      places: () => true,
      async place(tensor) {
        copies.begun += 1;
        await gate;
        copies.made += 1;
        return { input: tensor, release: () => (copies.released += 1) };
      },
    });
    const index = new VectorIndex(slow, kOptions, kSmall);
    await put(index, numbers(64));
    while (copies.begun === 0) await turn();
    const closed = index.close();
    go();
    await closed;
    expect(copies.made).toBeGreaterThan(0);
    expect(copies.released).toBe(copies.made);
  });
});

test('a compaction ends while each of its segments gets rows to remove', async () => {
  const index = new VectorIndex(ownerOf(context), kOptions, kSmall);
  for (let i = 0; i < 30; ++i) await put(index, numbers(64, i * 64));
  const before = index.stats();
  let isOver = false;
  let writes = 0;
  const compacted = index.compact().finally(() => {
    isOver = true;
  });
  for (let i = 0; !isOver && index.stats().merges < before.merges + 200; i = (i + 1) % 1920) {
    await put(index, [i], 1);
    writes += 1;
    await turn();
  }
  expect(index.stats().merges - before.merges).toBeLessThanOrEqual(before.segments.length);
  await compacted;
  expect(writes).toBeGreaterThan(0);
  expect(index.size).toBe(30 * 64);
  await index.close();
});

describe('the steps of it', () => {
  const kMerged = { name: 7, rows: 10, leastLength: 1, mostLength: 2 };

  /** A table and segments that say what was asked of them. */
  function begin(given) {
    const asked = [];
    const say =
      (name, result) =>
      (id, ...rest) => {
        asked.push([name, ...rest]);
        queueMicrotask(() => settle(id, undefined, result));
      };
    const table = {
      segments: () => [{ ...kMerged, name: 3, isSealed: true }],
      seal: say('seal'),
      merge: say('merge', kMerged),
      endMerge: (commits) => asked.push(['endMerge', commits]),
      ...given.table,
    };
    const segments = {
      code: async () => {},
      place: async () => {},
      keep: () => {},
      drop: (name) => asked.push(['drop', name]),
      ...given.segments,
    };
    return { upkeep: new Maintenance(table, segments, given.journal), asked };
  }
  const codeFails = async ({ name }) => {
    if (name === kMerged.name) throw new Error('no codes');
  };

  test('what was made of a merge that failed is let go of', async () => {
    const { upkeep, asked } = begin({ segments: { code: codeFails } });
    await expect(upkeep.compact()).rejects.toThrow('no codes');
    expect(asked).toEqual([['seal'], ['merge', 3], ['endMerge', false], ['drop', 7]]);
    await upkeep.end();
  });

  test('a merge that does not begin is ended', async () => {
    const table = {
      merge() {
        throw new Error('not begun');
      },
    };
    const { upkeep, asked } = begin({ table });
    await expect(upkeep.compact()).rejects.toThrow('not begun');
    expect(asked).toEqual([['seal'], ['endMerge', false]]);
    await upkeep.end();
  });

  test('a log that is long is cut off once, not again with each write while checkpoints fail', async () => {
    let isFull = true;
    const journal = {
      isLong: true,
      async checkpoint() {
        if (isFull) throw new Error('the disk is full');
      },
    };
    const nothing = (id) => queueMicrotask(() => settle(id, undefined, undefined));
    const { upkeep, asked } = begin({ journal, table: { merge: nothing } });
    const seals = () => asked.filter(([name]) => name === 'seal').length;
    for (let i = 0; i < 10; ++i) {
      upkeep.wake();
      for (let turns = 0; turns < 5; ++turns) await turn();
    }
    expect(seals()).toBe(1);
    expect(upkeep.problem).toMatch(/the disk is full/);
    isFull = false;
    while (upkeep.problem) await turn();
    upkeep.wake();
    for (let turns = 0; turns < 5; ++turns) await turn();
    expect(seals()).toBe(2);
    await upkeep.end();
  });
});
