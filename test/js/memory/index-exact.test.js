// Answers by codes are those of float32, to the bit: random vectors, and rows that differ by less than a code's step.
'use strict';
const { devices } = require('../../support/devices');
const { gpu, random } = require('../../support/random-data');
const { rounds } = require('../../support/rounds');
const { kMetrics, score } = require('../../support/vector-model');
const { ownerOf } = require('../../../lib/memory/vectors/owner');
const { VectorIndex } = require('../../../lib/memory/vectors/vector-index');

const kDimensions = 24;
const kRows = 3000;
const kCoded = ['int8', 'bfloat16', 'float16'];

/** Copies of one row, each with one number moved by a part of what a code's step is. */
function nearDuplicates(salt) {
  const row = random(kDimensions, salt);
  const moves = random(kRows, salt + 1);
  const all = new Float32Array(kRows * kDimensions);
  for (let i = 0; i < kRows; ++i) {
    all.set(row, i * kDimensions);
    all[i * kDimensions + (i % kDimensions)] += moves[i] / 254;
  }
  return all;
}

const kinds = [
  ['random vectors', (salt) => random(kRows * kDimensions, salt)],
  ['near-duplicates', nearDuplicates],
  ['duplicates', (salt) => Float32Array.from(nearDuplicates(salt), (x) => Math.round(x * 4) / 4)],
];

describe.each(devices)('%s', (device) => {
  let context;
  beforeAll(async () => {
    context = await gpu.createContext({ device });
  });
  afterAll(() => context.close());

  describe.each(kMetrics)('%s', (metric) => {
    test.each(kinds)(
      '%s',
      async (_, make) => {
        const vectors = make(5);
        const count = device.startsWith('cpu') ? rounds(120, 3400) : rounds(20, 400);
        const queries = random(count * kDimensions, 9);
        queries.set(vectors.subarray(0, 5 * kDimensions)); // some are rows themselves
        const ids = Array.from({ length: kRows }, (__, i) => i);
        const answers = [];
        for (const dtype of ['float32', ...kCoded]) {
          const limits = { segmentBytes: 1000 * kDimensions * 4, scanned: 0 };
          const index = new VectorIndex(ownerOf(context), { dimensions: kDimensions, metric, dtype }, limits);
          await index.add(ids, vectors);
          await index.compact();
          expect(index.stats().segments).toMatchObject([{ rows: kRows, sealed: true, coded: dtype !== 'float32' }]);
          answers.push(await index.search(gpu.tensor(queries, [count, kDimensions]), { k: 10, explain: true }));
          await index.close();
        }
        const [wanted, ...coded] = answers;
        for (const { ids: found, scores, explain } of coded) {
          expect(found).toEqual(wanted.ids);
          expect(scores).toEqual(wanted.scores);
          expect(explain.segments[0].contexts).toEqual([context.id]);
        }
        // And those of float32 are the best by double precision, but for what its rounding leaves equal.
        for (let q = 0; q < Math.min(count, 20); ++q) {
          const query = queries.subarray(q * kDimensions, (q + 1) * kDimensions);
          const all = ids.map((i) => score(metric, query, vectors.subarray(i * kDimensions, (i + 1) * kDimensions)));
          const sign = metric === 'l2' ? 1 : -1;
          const best = [...ids].sort((a, b) => sign * (all[a] - all[b]) || a - b).slice(0, 10);
          wanted.scores[q].forEach((each, i) => expect(each).toBeCloseTo(all[best[i]], 5));
          wanted.ids[q].forEach((id, i) => expect(all[id]).toBeCloseTo(wanted.scores[q][i], 5));
        }
      },
      120_000,
    );
  });

  test.each(kCoded)('%s: numbers that codes do not hold are scanned as they are', async (dtype) => {
    const index = new VectorIndex(ownerOf(context), { dimensions: 4, metric: 'cosine', dtype }, { scanned: 0 });
    const vectors = random(400 * 4, 3).map((x, i) => x * 10 ** (((i >> 2) % 60) - 30));
    const ids = Array.from({ length: 400 }, (_, i) => i);
    await index.add(ids, vectors);
    await index.compact();
    expect(index.stats().segments).toMatchObject([{ coded: false }]);
    const { ids: found } = await index.search(vectors, { k: 1 });
    found.forEach(([id], i) => {
      const row = (at) => vectors.subarray(at * 4, at * 4 + 4);
      expect(score('cosine', row(id), row(i))).toBeCloseTo(1, 6);
    });
    await index.close();
  });

  test('approximate: what codes find, with exact scores', async () => {
    const vectors = random(kRows * kDimensions, 21);
    const options = { dimensions: kDimensions, metric: 'dot', dtype: 'int8' };
    const index = new VectorIndex(ownerOf(context), options, { scanned: 0 });
    await index.add(
      Array.from({ length: kRows }, (_, i) => i),
      vectors,
    );
    await index.compact();
    const query = random(kDimensions, 22);
    const { ids, scores, explain } = await index.search(query, { k: 5, approximate: true, explain: true });
    expect(explain.segments[0].rounds).toBe(1);
    ids.forEach((id, i) =>
      expect(scores[i]).toBeCloseTo(score('dot', query, vectors.subarray(id * kDimensions, (id + 1) * kDimensions)), 5),
    );
    await index.close();
  });
});
