// Indexes in a store on the disk: they are there again, whatever ended the process before.
'use strict';
const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { inRoot } = require('../../support/paths');
const { gpu, random } = require('../../support/random-data');
const { rounds } = require('../../support/rounds');

let folder;
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'switchyard-index-store-'));
});
afterAll(() => fs.rm(folder, { recursive: true }));

const kUnheard = 30;
let number = 0;
const fresh = () => path.join(folder, `${++number}`);
const options = (store, name) => ({ dimensions: 8, metric: 'dot', dtype: 'int8', store, name });

test('two indexes of one store are there again, with their metadata and order', async () => {
  const place = fresh();
  const store = await gpu.openStore(place);
  const [a, b] = await Promise.all([gpu.createIndex(options(store, 'a')), gpu.createIndex(options(store, 'b'))]);
  const ids = Array.from({ length: 500 }, (_, i) => (i % 2 ? i : `${i}`));
  const writes = ids.map((id, i) =>
    a.add([id], random(8, i), { metadata: [{ i }], durable: i % 3 === 0 ? undefined : false }),
  );
  writes.push(b.add(ids, random(500 * 8, 1)));
  await Promise.all(writes);
  expect(await a.remove(['0', 1, 'x'])).toBe(2);
  await b.compact();
  await b.upsert([3], random(8, 7));
  const asked = (index) => index.search(random(8, 99), { k: 600, includeMetadata: true });
  const before = [await asked(a), await asked(b)];
  await Promise.all([a.close(), b.close()]);
  await store.close();

  const again = await gpu.openStore(place);
  const indexes = await Promise.all(['a', 'b'].map((name) => gpu.createIndex(options(again, name))));
  expect(await Promise.all(indexes.map(asked))).toEqual(before);
  expect(indexes.map(({ size }) => size)).toEqual([498, 500]);
  await indexes[0].upsert(['new'], random(8, 3), { durable: true });
  expect(await indexes[0].has('new')).toBe(true);
  for (const index of indexes) await index.close();
  await again.close();
});

test('what is refused', async () => {
  const store = await gpu.openStore(fresh());
  const bad = (argument) => expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', argument });
  await expect(gpu.createIndex({ dimensions: 8, name: 'a' })).rejects.toEqual(bad('options.name'));
  await expect(gpu.createIndex(options(store, ''))).rejects.toEqual(bad('options.name'));
  await expect(gpu.createIndex(options(store, 'ü'.repeat(101)))).rejects.toEqual(bad('options.name'));
  await expect(gpu.createIndex(options(store, undefined))).rejects.toEqual(bad('options.name'));
  await expect(gpu.createIndex(options({}, 'a'))).rejects.toEqual(bad('options.store'));
  const index = await gpu.createIndex(options(store, 'a'));
  await expect(gpu.createIndex(options(store, 'a'))).rejects.toThrow(/'a'.*open already/);
  await index.close();
  await expect(gpu.createIndex({ ...options(store, 'a'), dimensions: 9 })).rejects.toThrow(/8 dimensions.*not 9/);
  const again = await gpu.createIndex(options(store, 'a'));
  await store.close();
  await expect(again.add([1], random(8, 1))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  expect(await again.has(1)).toBe(false);
  await again.close();
});

test('killed at any moment: what was acknowledged is there, nothing else', async () => {
  const place = fresh();
  /** Of each id the last write that was acknowledged. */
  const last = new Map();
  let acknowledged = 0;
  for (let round = 0; round < rounds(6, 100); ++round) {
    const child = fork(inRoot('test', 'support', 'children', 'index-writer.js'), [place, `${round * 100_000}`]);
    /** Of each lane the write that was under way: it may be there or not. */
    const began = new Map([0, 1, 2].map((lane) => [lane, round * 100_000]));
    child.on('message', (message) => {
      if (message === 'open') return;
      acknowledged += 1;
      began.set(message.lane, message.i + 1);
      for (const id of message.ids ?? message.removed) last.set(id, message.ids ? message.i : undefined);
    });
    await once(child, 'message');
    await sleep(20 + Math.abs(random(1, round)[0]) * 400);
    child.kill('SIGKILL');
    // All that it said is heard before its channel is closed.
    await Promise.all([once(child, 'close'), once(child, 'disconnect')]);

    const store = await gpu.openStore(place);
    const index = await gpu.createIndex({ dimensions: 4, metric: 'l2', store, name: 'killed' });
    // Of writes that were under way, or acknowledged without a word of it coming through, there are a few.
    const unheard = (lane, write) => write >= began.get(lane) && write < began.get(lane) + kUnheard;
    for (const [id, i] of last) {
      const [lane, at] = id.split('-').map(Number);
      if (!(await index.has(id))) {
        const removals = Array.from({ length: kUnheard }, (_, later) => began.get(lane) + later);
        const has = (write) => write % 7 === 6 && Math.floor(at / 5) === write % 40;
        if (i !== undefined) expect(removals.some(has)).toBe(true);
        last.set(id, undefined);
        continue;
      }
      const { vectors, metadata } = await index.get([id]);
      const found = vectors.data[0];
      expect([...vectors.data]).toEqual([found, lane, lane, lane]);
      expect(metadata).toEqual([{ i: found }]);
      expect(found === i || unheard(lane, found)).toBe(true);
      last.set(id, found);
    }
    for (let lane = 0; lane < 3; ++lane)
      for (let j = 0; j < 200; ++j) {
        const id = `${lane}-${j}`;
        if (!last.has(id) && (await index.has(id))) last.set(id, (await index.get([id])).vectors.data[0]);
      }
    await index.close();
    await store.close();
  }
  expect(acknowledged).toBeGreaterThan(0);
}, 600_000);
