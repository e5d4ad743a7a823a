// What an index refuses, and what it says of it.
'use strict';
const vm = require('node:vm');
const { gpu } = require('../../support/random-data');

const bad = (argument, ...words) => ({
  code: 'ERR_INVALID_ARGUMENT',
  argument,
  message: expect.stringMatching(new RegExp(words.join('.*'), 's')),
});
const rows = (...list) => gpu.tensor(list);

let context, index;
beforeAll(async () => {
  context = await gpu.createContext({ device: 'cpu' });
});
afterAll(() => context.close());
beforeEach(async () => {
  index = await context.createIndex({ dimensions: 2 });
  await index.add(['a', 'b'], rows([1, 0], [0, 1]), { metadata: [{ year: 1990, lang: 'en' }, undefined] });
});
afterEach(() => index.close());

describe('createIndex()', () => {
  test.each([
    [undefined, 'options', 'dimensions'],
    [null, 'options', 'null'],
    [{}, 'options.dimensions', 'undefined'],
    [{ dimensions: 0 }, 'options.dimensions', '1 to 65536'],
    [{ dimensions: 65537 }, 'options.dimensions', '65537'],
    [{ dimensions: 2.5 }, 'options.dimensions', '2.5'],
    [{ dimensions: '2' }, 'options.dimensions', "'2'"],
    [{ dimensions: 2, metric: 'cosin' }, 'options.metric', 'cosin', "did you mean 'cosine'"],
    [{ dimensions: 2, dtype: 'int4' }, 'options.dtype', 'int4', 'float32, float16, bfloat16, int8'],
    [{ dimensions: 2, metrics: 'dot' }, 'options.metrics', "did you mean 'metric'"],
  ])('%j', async (options, argument, ...words) => {
    await expect(context.createIndex(options)).rejects.toMatchObject(bad(argument, ...words));
  });
});

describe('add()', () => {
  test.each([
    ['no array', 'a', rows([1, 0]), undefined, 'ids', "'a'", 'array'],
    ['a fraction', [1.5], rows([1, 0]), undefined, 'ids', 'at 0', '1.5'],
    ['too large a number', [2 ** 53], rows([1, 0]), undefined, 'ids', 'safe integer'],
    ['an empty text', ['c', ''], rows([1, 0], [0, 1]), undefined, 'ids', 'at 1', 'empty'],
    ['a long text', ['x'.repeat(513)], rows([1, 0]), undefined, 'ids', 'at 0', 'more than 512'],
    ['a long text of few characters', ['ü'.repeat(257)], rows([1, 0]), undefined, 'ids', 'more than 512'],
    ['half a surrogate pair', ['c', 'x\ud800'], rows([1, 0], [0, 1]), undefined, 'ids', 'at 1', 'surrogate'],
    ['an id that is there', ['c', 'b'], rows([1, 0], [0, 1]), undefined, 'ids', "'b', at 1", 'upsert'],
    ['an id twice', ['c', 'd', 'c'], rows([1, 0], [0, 1], [1, 1]), undefined, 'ids', "'c'", '0 and 2'],
    ['a number twice', [5, 6, 5], rows([1, 0], [0, 1], [1, 1]), undefined, 'ids', '5', '0 and 2'],
    ['too few rows', ['c', 'd'], rows([1, 0]), undefined, 'vectors', '1 rows for 2 ids'],
    ['other dimensions', ['c'], rows([1, 0, 0]), undefined, 'vectors', '\\[1, 3\\]', '2 dimensions'],
    ['no whole rows', ['c'], new Float32Array(3), undefined, 'vectors', '3 numbers'],
    ['NaN', ['c', 'd'], rows([1, 0], [0, NaN]), undefined, 'vectors', 'row 1 has NaN at 1'],
    ['an infinity', ['c', 'd'], rows([-Infinity, 0], [0, 1]), undefined, 'vectors', 'row 0 has an infinity at 0'],
    ['another dtype', ['c'], gpu.tensor([[1, 0]], undefined, 'float16'), undefined, 'vectors', 'float16', 'float32'],
    ['nothing', ['c'], undefined, undefined, 'vectors', 'undefined'],
    ['a misspelt option', ['c'], rows([1, 0]), { metdata: [] }, 'options.metdata', "did you mean 'metadata'"],
    ['durable without a store', ['c'], rows([1, 0]), { durable: true }, 'options.durable', 'store'],
  ])('%s', async (_, ids, vectors, options, argument, ...words) => {
    await expect(index.add(ids, vectors, options)).rejects.toMatchObject(bad(argument, ...words));
    expect(index.size).toBe(2);
    expect(await index.has('c')).toBe(false);
  });

  const cycle = { a: {} };
  cycle.a.b = cycle;
  test.each([
    ['one for all', { year: 1 }, 'an object'],
    ['too few', [], '0 entries for 1 ids'],
    ['a text', ['x'], "'x'"],
    ['an array', [[1]], 'object'],
    ['a function', [{ a: () => 1 }], 'metadata\\[0\\].a', 'function'],
    ['a bigint', [{ a: { b: 1n } }], 'metadata\\[0\\].a.b', '1n'],
    ['a date', [{ a: new Date(0) }], 'metadata\\[0\\].a', 'Date'],
    ['a map', [new Map()], 'metadata\\[0\\]', 'Map'],
    ['NaN', [{ a: [1, NaN] }], 'metadata\\[0\\].a\\[1\\]', 'NaN'],
    ['undefined in an array', [{ a: [undefined] }], 'a\\[0\\]', 'undefined'],
    ['a cycle', [cycle], 'holds itself'],
    ['__proto__', [JSON.parse('{"a": {"__proto__": 1}}')], '__proto__'],
    ['a prototype of its own', [Object.create({ x: 1 })], 'plain'],
    ['half a surrogate pair', [{ a: '\udc00' }], 'surrogate'],
    ['a key with half of one', [{ '\udc00': 1 }], 'surrogate'],
    ['over 64 KB', [{ a: 'x'.repeat(65536) }], '65544', '65536'],
    ['over 64 KB in few characters', [{ a: '€'.repeat(22000) }], '66008'],
  ])('metadata: %s', async (_, metadata, ...words) => {
    await expect(index.add(['c'], rows([1, 0]), { metadata })).rejects.toMatchObject(bad('metadata', ...words));
    expect(index.size).toBe(2);
  });

  test('what just fits', async () => {
    await index.add(['x'.repeat(512), 2 ** 53 - 1, -5, '1', 1], new Float32Array(10), {
      metadata: [{ a: 'x'.repeat(65528) }, undefined, null, { a: undefined, b: null }, Object.create(null)],
    });
    const { metadata } = await index.get(['x'.repeat(512), 2 ** 53 - 1, -5, '1', 1]);
    expect(metadata[0].a).toHaveLength(65528);
    expect(metadata.slice(1)).toEqual([undefined, undefined, { b: null }, {}]);
  });
});

describe('search()', () => {
  test.each([
    [rows([1, 0]), { k: 0 }, 'options.k', '0', 'at least 1'],
    [rows([1, 0]), { k: 1.5 }, 'options.k', '1.5'],
    [rows([1, 0]), { threshold: NaN }, 'options.threshold', 'NaN'],
    [rows([1, 0]), { approximate: 1 }, 'options.approximate', '1'],
    [rows([1, 0]), { ids: 'a' }, 'options.ids', "'a'"],
    [rows([1, 0]), { ids: [{}] }, 'options.ids', 'at 0'],
    [rows([1, 0, 0]), {}, 'queries', '2 dimensions'],
    [new Float32Array(5), {}, 'queries', '5 numbers'],
    [rows([1, 0]), { timeout: -1 }, 'options.timeout', '-1'],
    [rows([1, 0]), { priority: 1 }, 'options.priority', 'manager'],
    [rows([1, 0]), { filters: {} }, 'options.filters', "did you mean 'filter'"],
    [rows([1, 0], [NaN, 0]), {}, 'queries', 'row 1 has NaN at 0'],
    [rows([1, -Infinity]), { k: 1 }, 'queries', 'row 0 has an infinity at 1'],
    [rows([1, 0]), new Map([['filter', { year: 1990 }]]), 'options', 'Map', 'must be an object'],
    [rows([1, 0]), Promise.resolve({ filter: { year: 1990 } }), 'options', 'Promise', 'must be an object'],
  ])('%j, %j', async (queries, options, argument, ...words) => {
    await expect(index.search(queries, options)).rejects.toMatchObject(bad(argument, ...words));
  });

  let deep = { year: 1 };
  for (let i = 0; i < 40; ++i) deep = { $not: deep };
  test.each([
    [{ yaer: 1990 }, 'yaer', 'lang, year'],
    [{ year: { $gte: '1990' } }, 'year', 'a number', '\\$gte', 'a string'],
    [{ year: 'x' }, 'year', 'a number', 'a string'],
    [{ lang: { $in: ['en', 3] } }, 'lang', 'a string', 'a number'],
    [{ $or: [{ lang: 'en' }, { $not: { yaer: 1 } }] }, 'yaer'],
    [{ year: { $get: 1 } }, 'unknown operator', '\\$get', '\\$'],
    [{ $nor: [] }, 'unknown operator', '\\$nor'],
    [{ year: { $in: 1990 } }, 'array'],
    [{ year: { $exists: 1 } }, 'true or false'],
    [{ year: { $gt: true } }, 'number or a string'],
    [{ year: { $gt: null } }, 'number or a string'],
    [{ year: NaN }, 'NaN'],
    [{ year: [1990] }, '\\$in'],
    [{ year: {} }, 'no condition'],
    [{ year: { month: 1 } }, "'year.month'"],
    [{ $and: [] }, 'one at least'],
    [{ $and: {} }, 'array of filters'],
    [{ $not: {} }, 'empty filter'],
    [{ $and: [3] }, '3 is no filter'],
    [[], 'is no filter'],
    ['year', "'year' is no filter"],
    [{ year: () => true }, 'a function'],
    [deep, 'levels deep'],
  ])('filter %j', async (filter, ...words) => {
    await expect(index.search(rows([1, 0]), { filter })).rejects.toMatchObject(bad('options.filter', ...words));
  });

  // None of these has keys of its own, which would be a filter that everything passes.
  test.each([
    ['a promise', Promise.resolve({ year: 1990 })],
    ['a Map', new Map([['year', 1990]])],
    ['a Set', new Set(['year'])],
    ['a Date', new Date(0)],
    ['a class', new (class Tenant {})()],
    ['what inherits', Object.create({ year: 1990 })],
    ['one of a list', { $and: [{ year: 1990 }, new Map([['year', 1990]])] }],
    ['a negated one', { $not: new Map([['year', 1990]]) }],
    ['a condition', { year: new Map([['$gt', 1990]]) }],
  ])('a filter that is no plain object: %s', async (_, filter) => {
    await expect(index.search([1, 0], { filter })).rejects.toMatchObject(bad('options.filter'));
    await expect(index.range([1, 0], { distance: -1, filter })).rejects.toMatchObject(bad('options.filter'));
  });

  test('plain objects without a prototype, and of other realms, are filters', async () => {
    const bare = Object.assign(Object.create(null), { year: 1990 });
    const other = vm.runInNewContext('({ year: { $gte: 1990 } })');
    for (const filter of [bare, other]) expect((await index.search([1, 0], { filter })).ids).toEqual(['a']);
  });

  test('a query that is not finite is refused alone, whoever asks in the same turn', async () => {
    const asked = [
      [1, 0],
      [NaN, 0],
      [0, 1],
    ].map((query) => index.search(Float32Array.from(query), { k: 1 }));
    const [first, second, third] = await Promise.allSettled(asked);
    expect(first.value.ids).toEqual(['a']);
    expect(second.reason).toMatchObject(bad('queries', 'NaN at 0'));
    expect(third.value.ids).toEqual(['b']);
    const range = index.range(Float32Array.of(NaN, 0), { distance: 0.9 });
    await expect(range).rejects.toMatchObject(bad('queries', 'NaN at 0'));
  });

  test('a threshold is the number that was given, not the nearest float32', async () => {
    const dot = await context.createIndex({ dimensions: 2, metric: 'dot' });
    await dot.add(['c'], rows([0.7, 0]));
    const ids = async (threshold) => (await dot.search([1, 0], { threshold })).ids;
    expect(Math.fround(0.7)).toBeLessThan(0.7);
    expect(await ids(0.7)).toEqual([]);
    expect(await ids(Math.fround(0.7))).toEqual(['c']);
    await dot.close();
  });

  test('an index with nothing in it has no fields to know', async () => {
    await index.remove(['a', 'b']);
    expect(await index.search([1, 0], { filter: { yaer: 1 } })).toEqual({ ids: [], scores: new Float32Array(0) });
  });

  test('a k over the count gives what there is; one vector gives one list', async () => {
    expect(await index.search([1, 0], { k: 1000 })).toEqual({ ids: ['a', 'b'], scores: Float32Array.of(1, 0) });
    expect((await index.search(rows([1, 0]), { k: 1 })).ids).toEqual([['a']]);
    expect(await index.search([], { k: 1 })).toEqual({ ids: [], scores: [] });
  });

  test('signal and timeout', async () => {
    const controller = new AbortController();
    controller.abort();
    const asked = index.search([1, 0], { signal: controller.signal });
    await expect(asked).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  });
});

test('range() needs a distance, and its limit is a count', async () => {
  await expect(index.range([1, 0])).rejects.toMatchObject(bad('options.distance', 'undefined'));
  await expect(index.range([1, 0], { distance: 'x' })).rejects.toMatchObject(bad('options.distance'));
  await expect(index.range([1, 0], { distance: 0, limit: 0 })).rejects.toMatchObject(bad('options.limit'));
  await expect(index.range([1, 0], { distance: 0, k: 3 })).rejects.toMatchObject(bad('options.k'));
  expect((await index.range([1, 0], { distance: 0.5 })).ids).toEqual(['a']);
});

test('unknown ids: get() says which, remove() passes over, has() says no', async () => {
  await expect(index.get(['a', 'x'])).rejects.toMatchObject({
    code: 'ERR_NOT_FOUND',
    message: expect.stringMatching(/'x', at 1/),
  });
  expect(await index.remove(['x', 'a', 'a', 1])).toBe(1);
  expect(await index.has('a')).toBe(false);
  await expect(index.has(1.5)).rejects.toMatchObject(bad('id'));
});

test('includeVectors, includeMetadata, explain', async () => {
  const found = await index.search([1, 0], { includeVectors: true, includeMetadata: true, explain: true });
  expect(found.vectors).toEqual({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2], dtype: 'float32' });
  expect(found.metadata).toEqual([{ year: 1990, lang: 'en' }, undefined]);
  expect(found.explain.segments).toEqual([
    { rows: 2, allowed: 2, scanned: true, rounds: 1, candidates: 2, contexts: [] },
  ]);
  expect(found.explain.totalMs).toBeGreaterThanOrEqual(0);
});

test('a closed index, and one whose context is closed', async () => {
  const own = await gpu.createContext({ device: 'cpu' });
  const other = await own.createIndex({ dimensions: 2 });
  await own.close();
  await expect(other.search([1, 0])).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await other.close();
  await index.close();
  await index.close();
  expect(index.closed).toBe(true);
  expect(index.size).toBe(0);
  await expect(index.add(['c'], [[1, 0]])).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  expect(() => index.stats()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
});
