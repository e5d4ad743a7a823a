// Searches while an index is written to and its segments are merged: each sees every write that was acknowledged before
// it began, and each vector once.
'use strict';
const { devices } = require('../../support/devices');
const { gpu, random } = require('../../support/random-data');
const { rounds } = require('../../support/rounds');
const { ownerOf } = require('../../../lib/memory/vectors/owner');
const { VectorIndex } = require('../../../lib/memory/vectors/vector-index');

const kIds = 300;
const kDimensions = 8;
const kSmall = { segmentBytes: 64 * kDimensions * 4, scanned: 0 };

describe.each(devices)('%s', (device) => {
  test.each(['float32', 'int8'])(
    '%s: searches, upserts and compactions at once',
    async (dtype) => {
      const context = await gpu.createContext({ device });
      const index = new VectorIndex(ownerOf(context), { dimensions: kDimensions, metric: 'dot', dtype }, kSmall);
      const ids = Array.from({ length: kIds }, (_, i) => i);
      const versions = new Uint32Array(kIds);
      const put = (some, version) =>
        index.upsert(some, random(some.length * kDimensions, version), { metadata: some.map(() => ({ version })) });
      await put(ids, 0);
      let isOver = false;
      let written = 0;
      const writer = async (lane) => {
        for (let version = 1; !isOver; ++version) {
          const some = ids.filter((id) => id % 3 === lane && (id + version) % 7 < 3);
          await put(some, version);
          for (const id of some) versions[id] = version;
          written += some.length;
          await new Promise(setImmediate);
        }
      };
      const compactor = async () => {
        while (!isOver) {
          await index.compact();
          await new Promise(setImmediate);
        }
      };
      const others = [0, 1, 2].map(writer).concat(compactor());
      for (let round = 0; round < (device.startsWith('cpu') ? rounds(20, 600) : rounds(6, 150)); ++round) {
        const before = versions.slice();
        const query = random(kDimensions, round);
        const filter = round % 3 ? undefined : { version: { $gte: 0 } };
        const found = await index.search(query, { k: kIds + 5, includeMetadata: true, includeVectors: true, filter });
        expect([...found.ids].sort((a, b) => a - b)).toEqual(ids);
        found.ids.forEach((id, i) => expect(found.metadata[i].version).toBeGreaterThanOrEqual(before[id]));
        const { data } = found.vectors;
        found.scores.forEach((score, i) => {
          const product = query.reduce((sum, x, at) => sum + x * data[i * kDimensions + at], 0);
          expect(score).toBeCloseTo(product, 5);
          if (i) expect(score).toBeLessThanOrEqual(found.scores[i - 1]);
        });
        const [best] = (await index.search(query, { k: 1 })).ids;
        expect(await index.has(best)).toBe(true);
        await new Promise(setImmediate);
      }
      isOver = true;
      await Promise.all(others);
      expect(written).toBeGreaterThan(0);
      expect(index.size).toBe(kIds);
      await index.compact();
      expect(index.stats()).toMatchObject({ segments: [{ rows: kIds, live: kIds }] });
      expect(index.stats().problem).toBeUndefined();
      await index.close();
      await context.close();
    },
    120_000,
  );
});

test('calls of one turn are joined, and each has its own answer', async () => {
  const context = await gpu.createContext({ device: 'cpu' });
  const index = await context.createIndex({ dimensions: kDimensions });
  const ids = Array.from({ length: kIds }, (_, i) => i);
  const vectors = random(kIds * kDimensions, 1);
  await index.add(ids, vectors, { metadata: ids.map((id) => ({ even: id % 2 === 0 })) });
  const of = (id) => vectors.subarray(id * kDimensions, (id + 1) * kDimensions);
  const options = [
    { k: 1 },
    { k: 2 },
    { k: 1, filter: { even: true } },
    { k: 1, includeMetadata: true, timeout: 9999 },
  ];
  const calls = ids.slice(0, 40).map((id) => index.search(of(id), options[id % options.length]));
  calls.push(index.search(gpu.tensor(vectors.subarray(0, 5 * kDimensions), [5, kDimensions]), { k: 1 }));
  calls.push(index.search(of(3), { k: 1, filter: { odd: true } }).catch(({ code }) => code));
  const found = await Promise.all(calls);
  for (let id = 0; id < 40; ++id) {
    expect(found[id].ids).toHaveLength(options[id % options.length].k);
    if (id % 4 !== 2 || id % 2 === 0) expect(found[id].ids[0]).toBe(id);
  }
  expect(found[3].metadata).toEqual([{ even: false }]);
  expect(found[40].ids).toEqual([[0], [1], [2], [3], [4]]);
  expect(found[41]).toBe('ERR_INVALID_ARGUMENT');
  await index.close();
  await context.close();
});

test('on a manager', async () => {
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'] });
  const index = await manager.createIndex({ dimensions: kDimensions, dtype: 'int8' });
  const count = 30_000;
  await index.add(
    Array.from({ length: count }, (_, i) => `${i}`),
    random(count * kDimensions, 1),
  );
  await index.compact();
  const query = random(kDimensions, 2);
  const found = await index.search(gpu.tensor(random(64 * kDimensions, 2), [64, kDimensions]), {
    k: 3,
    priority: 1,
    explain: true,
  });
  expect(found.explain.segments[0].contexts).toHaveLength(1);
  const [first, others] = [found.ids[0], await index.search(query, { k: 3 })];
  expect(others.ids).toEqual(first);
  await manager.close();
  await expect(index.search(query)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await index.close();
});
