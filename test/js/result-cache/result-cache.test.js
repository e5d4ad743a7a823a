// The tiers together: where a result is found, where it is copied, what the next run has at once.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ResultCache } = require('../../../lib/result-cache');
const { entryOf, numbersOf } = require('../../support/result-entries');
const { keptLog } = require('../../support/silent-log');

let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-results-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const kConfig = {
  resultMemory: 2 ** 20,
  resultMemoryTime: 1000,
  redisUrl: undefined,
  resultRedisTime: 1000,
  redisTimeout: 50,
  resultDisk: 2 ** 24,
  resultDiskTime: Infinity,
};

/** @param {object} [config] */
function cacheOf(config = {}) {
  const clock = { now: 0 };
  const cache = new ResultCache({ ...kConfig, cacheDir: folder, ...config }, keptLog(), { now: () => clock.now });
  return { cache, clock };
}

/** @param {ResultCache} cache */
const countsOf = (cache) => Object.fromEntries(cache.use().map(({ name, hits, misses }) => [name, [hits, misses]]));

test('a result is in memory at once, on the disk soon, and found there by the next run', async () => {
  const first = cacheOf().cache;
  first.put('key', 'name', entryOf(5));
  expect(numbersOf(first.get('key'))[0]).toBe(5);
  await first.close();
  const { cache } = cacheOf();
  expect(cache.get('key')).toBeUndefined();
  expect(numbersOf(await cache.find('key', 'name'))[0]).toBe(5);
  expect(numbersOf(cache.get('key'))[0]).toBe(5);
  expect(countsOf(cache)).toEqual({ memory: [1, 1], redis: [0, 0], disk: [1, 0] });
  await cache.close();
});

test('what has no name elsewhere stays in memory', async () => {
  const { cache } = cacheOf();
  cache.put('key', undefined, entryOf(5));
  await cache.close();
  expect(await cacheOf().cache.find('key', 'key')).toBeUndefined();
});

test('equal questions to slower tiers are one', async () => {
  const { cache } = cacheOf();
  cache.put('key', 'key', entryOf(5));
  await cache.close();
  const again = cacheOf().cache;
  const found = await Promise.all(Array.from({ length: 10 }, () => again.find('key', 'key')));
  expect(found.every((entry) => numbersOf(entry)[0] === 5)).toBe(true);
  expect(countsOf(again).disk).toEqual([1, 0]);
});

test('the next run has in memory what this one has used last', async () => {
  const { cache } = cacheOf();
  for (let i = 0; i < 5; ++i) cache.put(`k${i}`, `n${i}`, entryOf(i));
  await cache.close();
  const { cache: next } = cacheOf();
  await next.warmUp();
  const [memory] = next.use();
  expect(memory.entries).toBe(5);
  expect(numbersOf(await next.find('k3', 'n3'))[0]).toBe(3);
  expect(countsOf(next).disk).toEqual([0, 0]); // it was in memory by its name
});

test('a cache that is paused copies nothing to slower tiers and loads nothing ahead', async () => {
  const { cache } = cacheOf();
  cache.put('a', 'a', entryOf(1));
  await cache.close();
  const { cache: next } = cacheOf();
  next.isPaused = true;
  await next.warmUp();
  expect(next.use()[0].entries).toBe(0);
  next.put('b', 'b', entryOf(2));
  expect(next.get('b')).toBeDefined();
  await next.close();
  expect(await cacheOf().cache.find('b', 'b')).toBeUndefined();
});

test('an entry that its owner does not know is none, and is taken away', async () => {
  const { cache } = cacheOf();
  for (const from of [5, 6]) cache.put(`k${from}`, `k${from}`, entryOf(from));
  await cache.close();
  const isWhole = (entry) => numbersOf(entry)[0] !== 5;
  const asked = new ResultCache({ ...kConfig, cacheDir: folder }, keptLog(), { isWhole });
  await asked.warmUp();
  expect(asked.use()[0].entries).toBe(1);
  expect(await asked.find('k5', 'k5')).toBeUndefined();
  expect(numbersOf(await asked.find('k6', 'k6'))[0]).toBe(6);
  await asked.close();
  expect(await cacheOf().cache.find('k5', 'k5')).toBeUndefined();
});

test('bytes on the disk that are no entry are taken away', async () => {
  const cacache = require('cacache');
  await cacache.put(folder, 'result:1:key', Buffer.from('no entry'), { metadata: { expires: null } });
  const { cache } = cacheOf();
  expect(await cache.find('key', 'key')).toBeUndefined();
  expect(await cacache.get.info(folder, 'result:1:key')).toBeNull();
});

test('a cache that is closed takes nothing more', async () => {
  const { cache } = cacheOf();
  await cache.close();
  cache.put('key', 'key', entryOf(1));
  expect(cache.get('key')).toBeUndefined();
  await cache.close();
});
