// The journal by itself: what it does about records that can't be applied, writes that the store refuses at once, and
// batches that lie in two segments.
'use strict';
const { native } = require('../../../lib/addon');
const { Journal } = require('../../../lib/memory/vectors/journal');
const { Segments } = require('../../../lib/memory/vectors/segments');
const { Writes } = require('../../../lib/memory/vectors/writes');
const { FakeCollection } = require('../../support/fake-collection');

const kDimensions = 2;
const kWhat = { dimensions: kDimensions, metric: 'dot' };
const kSegmentBytes = 64 * kDimensions * 4; // 64 rows

const turn = () => new Promise(setImmediate);

async function begin(collection, tableOf = (table) => table) {
  const table = tableOf(new native.VectorTable(kDimensions, 1, kSegmentBytes, 0));
  const journal = new Journal(collection, table, new Segments(table, {}, kDimensions, 'float32'), kWhat);
  await journal.recover();
  const writes = new Writes(table, kDimensions, journal);
  const put = (ids, apply) => {
    const rows = Float32Array.from({ length: ids.length * kDimensions }, (_, i) => i);
    if (!apply) return writes.put(ids, rows, undefined, true);
    const pack = async () => [
      new Uint8Array(table.packWrite(0, ids, rows, undefined, true)),
      new Uint8Array(rows.buffer),
    ];
    return journal.write(ids, undefined, pack, apply, () => undefined);
  };
  return { table, journal, put };
}
const numbers = (from, count) => Array.from({ length: count }, (_, i) => from + i);

test('a record that is not applied: nothing behind it is, and no checkpoint takes them away', async () => {
  const collection = new FakeCollection();
  const { table, journal, put } = await begin(collection);
  await put(numbers(0, 70)); // a segment of its own, which is full
  const failed = put([100], () => {
    throw new Error('no memory');
  });
  const behind = put([101]);
  const message = expect.stringMatching(/recorded.*open the index again/);
  await expect(failed).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY', message });
  await expect(behind).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY', message });
  await expect(put([102])).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
  expect(table.size()).toBe(70);
  await expect(journal.checkpoint()).rejects.toMatchObject({ message });
  const again = await begin(collection.crash());
  expect(again.table.size()).toBe(72);
  expect([...again.table.get(0, [100, 101, 102], false, false).found]).toEqual([1, 1, 0]);
});

test('ids of a write that the store refuses at once wait for nobody afterwards', async () => {
  const collection = new FakeCollection();
  let begun = 0;
  let go = () => {};
  const gate = new Promise((resolve) => (go = resolve));
  const { put } = await begin({
    recover: () => collection.recover(),
    checkpoint: (what) => collection.checkpoint(what),
    append(pieces, options) {
      if (++begun === 1) throw new Error('closed');
      const sequence = collection.append(pieces, options);
      return begun === 2 ? gate.then(() => sequence) : sequence;
    },
  });
  await expect(put(['a'])).rejects.toThrow('closed');
  const slow = put(['b']);
  const other = put(['a']);
  for (let i = 0; i < 5; ++i) await turn();
  expect(begun).toBe(3);
  go();
  await Promise.all([slow, other]);
});

test('a batch that lies in a sealed segment and in the open one stays in the log', async () => {
  const collection = new FakeCollection();
  const said = { openFrom: 0 }; // the number that the open segment is said to begin with
  const { journal, put } = await begin(
    collection,
    (table) =>
      new Proxy(table, {
        get(target, name) {
          const value = target[name].bind(target);
          if (name !== 'snapshot') return value;
          return () => {
            const { handle, segments } = value();
            for (const each of segments) if (!each.isSealed) each.firstNumber = said.openFrom;
            return { handle, segments };
          };
        },
      }),
  );
  await put(numbers(0, 64));
  await put(numbers(100, 30));
  await put(numbers(200, 10));
  said.openFrom = 80; // within the second batch's rows, which are 64 to 93
  await journal.checkpoint();
  const { through } = await collection.recover();
  expect(through).toBe(1);
});

test('what was read again counts as what was written', async () => {
  const collection = new FakeCollection();
  const first = await begin(collection);
  for (let i = 0; i < 7; ++i) await first.put(numbers(i * 10, 10));
  const { journal, table } = await begin(collection);
  expect(table.segments().map(({ rows }) => rows)).toEqual([60, 10]);
  await journal.checkpoint();
  expect((await collection.recover()).through).toBe(6);
  const again = await begin(collection.crash());
  expect(again.table.size()).toBe(70);
});
