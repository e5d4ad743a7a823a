// Indexes of vectors under random operations, against a plain model.
'use strict';
const fc = require('fast-check');
const { devices } = require('../../support/devices');
const { gpu } = require('../../support/random-data');
const { rounds } = require('../../support/rounds');
const { VectorModel, kMetrics, kDTypes } = require('../../support/vector-model');
const { ownerOf } = require('../../../lib/memory/vectors/owner');
const { VectorIndex } = require('../../../lib/memory/vectors/vector-index');

const kDimensions = 8;
// Segments of 64 rows, and each asked by a job where that can be: so that little data meets everything.
const kSmall = { segmentBytes: 64 * kDimensions * 4, scanned: 0 };
const contexts = new Map();

beforeAll(async () => {
  for (const device of devices) contexts.set(device, await gpu.createContext({ device }));
});
afterAll(async () => {
  for (const context of contexts.values()) await context.close();
});

// Numbers whose sums no order of addition rounds, with many ties and rows that differ in one step of a code.
const numbers = fc.oneof(
  fc.array(fc.integer({ min: -3, max: 3 }), { minLength: kDimensions, maxLength: kDimensions }),
  fc
    .tuple(fc.integer({ min: 0, max: kDimensions - 1 }), fc.integer({ min: -8, max: 8 }))
    .map(([at, step]) => Array.from({ length: kDimensions }, (_, i) => (i === at ? 64 + step / 64 : 64))),
);
const vectors = numbers.map((list) => Float32Array.from(list));
const ids = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 300 }).map(String));
const metadata = fc.option(
  fc.record(
    {
      lang: fc.constantFrom('en', 'de', 'fr', 'ünï'),
      year: fc.integer({ min: 1990, max: 1999 }),
      draft: fc.boolean(),
      tags: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
      place: fc.record({ city: fc.constantFrom('x', 'y') }),
    },
    { requiredKeys: [] },
  ),
  { nil: undefined },
);
const leaf = fc.oneof(
  fc.record({ lang: fc.constantFrom('en', 'de') }),
  fc.record({ lang: fc.record({ $in: fc.subarray(['en', 'fr', 'xx']) }) }),
  fc.record({ lang: fc.record({ $gt: fc.constantFrom('de', 'en', 'f') }) }),
  fc.record({ year: fc.record({ $gte: fc.integer({ min: 1989, max: 2000 }) }) }),
  fc.record({ year: fc.record({ $lt: fc.integer({ min: 1989, max: 2000 }), $ne: fc.constant(1993) }) }),
  fc.record({ draft: fc.boolean() }),
  fc.record({ tags: fc.constantFrom('a', 'b', 'c') }),
  fc.record({ tags: fc.record({ $nin: fc.subarray(['a', 'b']) }) }),
  fc.record({ 'place.city': fc.constantFrom('x', 'y') }),
  fc.record({ year: fc.record({ $exists: fc.boolean() }) }),
);
const filters = fc.oneof(
  leaf,
  fc.record({ $or: fc.array(leaf, { minLength: 1, maxLength: 3 }) }),
  fc.record({ $not: leaf, $and: fc.array(leaf, { minLength: 1, maxLength: 2 }) }),
);
const rows = (most) => fc.array(fc.tuple(ids, vectors, metadata), { minLength: 1, maxLength: most });
const operation = fc.oneof(
  fc.record({ what: fc.constant('upsert'), rows: rows(120) }),
  fc.record({ what: fc.constant('add'), rows: rows(40) }),
  fc.record({ what: fc.constant('remove'), ids: fc.array(ids, { maxLength: 60 }) }),
  fc.record({ what: fc.constant('compact') }),
  fc.record({
    what: fc.constant('search'),
    queries: fc.array(vectors, { minLength: 1, maxLength: 4 }),
    k: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 400 })),
    filter: fc.option(filters, { nil: undefined }),
    threshold: fc.option(fc.integer({ min: -20, max: 20 }), { nil: undefined }),
    ids: fc.option(fc.array(ids, { maxLength: 200 }), { nil: undefined }),
  }),
  fc.record({
    what: fc.constant('range'),
    queries: fc.array(vectors, { minLength: 1, maxLength: 3 }),
    distance: fc.oneof(fc.integer({ min: -5, max: 40 }), fc.double({ min: -1, max: 1, noNaN: true })),
    limit: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
  }),
);

const flat = (list) => Float32Array.from(list.flatMap((vector) => [...vector]));

function distinct(list) {
  return [...new Map(list.map((row) => [row[0], row])).values()];
}

async function expectHits(index, model, each) {
  const options =
    each.what === 'search'
      ? { k: each.k, filter: each.filter, threshold: each.threshold, ids: each.ids }
      : { distance: each.distance, ...(each.limit && { limit: each.limit }) };
  const queries = gpu.tensor(flat(each.queries), [each.queries.length, kDimensions]);
  const found = each.what === 'search' ? await index.search(queries, options) : await index.range(queries, options);
  const asked = each.what === 'search' ? options : { k: each.limit, threshold: each.distance };
  each.queries.forEach((query, q) => {
    const hits = model.search(query, asked);
    expect(found.ids[q]).toEqual(hits.map(({ id }) => id));
    expect([...found.scores[q]]).toEqual(hits.map((hit) => hit.score));
  });
}

/** Fields are known from the first operation on: a filter on one that no vector has is refused. */
const known = [
  [-1, new Float32Array(kDimensions), { lang: 'en', year: 1990, draft: true, tags: ['a'], place: { city: 'x' } }],
];

async function apply(index, model, each) {
  if (each.what === 'search' || each.what === 'range') return expectHits(index, model, each);
  if (each.what === 'compact') return index.compact();
  if (each.what === 'remove') return expect(await index.remove(each.ids)).toBe(model.remove(each.ids));
  const list = distinct(each.rows);
  const own = list.map(([id]) => id);
  const all = flat(list.map(([, vector]) => vector));
  const objects = list.map(([, , object]) => object);
  if (each.what === 'add' && own.some((id) => model.get(id))) {
    await expect(index.add(own, all, { metadata: objects })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  } else {
    await index[each.what](own, all, { metadata: objects });
    model.upsert(
      own,
      list.map(([, vector]) => vector),
      objects,
    );
  }
  expect(index.size).toBe(model.rows.length);
}

async function expectAllThere(index, model) {
  const all = model.rows.slice(0, 200);
  const { vectors: data, metadata: objects } = await index.get(all.map(({ id }) => id));
  expect([...data.data]).toEqual([...flat(all.map(({ vector }) => vector))]);
  expect(objects).toEqual(all.map((row) => row.metadata));
}

describe.each(devices)('%s', (device) => {
  describe.each(kMetrics)('%s', (metric) => {
    test.each(kDTypes)(
      '%s: random operations',
      async (dtype) => {
        const runs = device.startsWith('cpu') ? rounds(15, 300) : rounds(4, 60);
        await fc.assert(
          fc.asyncProperty(fc.array(operation, { minLength: 4, maxLength: 16 }), async (operations) => {
            const owner = ownerOf(contexts.get(device));
            const index = new VectorIndex(owner, { dimensions: kDimensions, metric, dtype }, kSmall);
            const model = new VectorModel(metric);
            try {
              for (const each of [{ what: 'add', rows: known }, ...operations]) await apply(index, model, each);
              await expectAllThere(index, model);
            } finally {
              await index.close();
            }
          }),
          { numRuns: runs },
        );
      },
      300_000,
    );
  });
});
