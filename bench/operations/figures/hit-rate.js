// How many of a seeded Zipf trace's requests the tiers answer, beside an ideal list of the latest used that has the
// same sizes.
'use strict';
const { ResultCache } = require('../../../lib/result-cache');
const { randomFrom, withFolder } = require('../start');

const kBytes = 4096; // of a result
const kOverhead = 512; // what the memory counts beside it
const kKeys = 4000;
const kExponent = 0.9;
const kSilent = { warn() {}, info() {}, debug() {}, error() {} };

/** @param {number} length @param {number} seed @returns {number[]} */
function zipfTrace(length, seed) {
  const sums = [];
  let sum = 0;
  for (let i = 1; i <= kKeys; ++i) sums.push((sum += i ** -kExponent));
  const random = randomFrom(seed);
  return Array.from({ length }, () => {
    const at = random() * sum;
    let low = 0,
      high = kKeys - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < at) low = middle + 1;
      else high = middle;
    }
    return low;
  });
}

/** @param {readonly number[]} trace @param {number} size entries @returns {number} hits, of all */
function idealHits(trace, size) {
  const kept = new Map();
  let hits = 0;
  for (const key of trace) {
    if (kept.delete(key)) ++hits;
    kept.set(key, true);
    if (kept.size > size) kept.delete(kept.keys().next().value);
  }
  return hits / trace.length;
}

/** @param {number} key */
function entryOf(key) {
  // Nothing that gzip makes smaller, so that sizes are what they are said to be.
  const random = randomFrom(key + 1);
  const data = Uint8Array.from({ length: kBytes }, () => 256 * random());
  const made = { contextId: '', contextType: 'cpu', device: '', deviceName: '', workerId: 0, cost: 0 };
  return { outputs: [{ name: 'output', dtype: 'uint8', shape: [kBytes] }], data, made };
}

/**
 * @param {readonly number[]} trace
 * @param {object} sizes
 * @param {number} sizes.memory entries
 * @param {number} [sizes.disk]
 * @param {string} [sizes.folder]
 */
async function measuredHits(trace, { memory, disk = 0, folder }) {
  const cache = new ResultCache(
    {
      resultMemory: memory * (kBytes + kOverhead),
      resultMemoryTime: Infinity,
      redisUrl: undefined,
      resultRedisTime: Infinity,
      redisTimeout: 50,
      cacheDir: folder,
      resultDisk: disk * (kBytes + 400), // with what describes an entry
      resultDiskTime: Infinity,
    },
    kSilent,
  );
  let hits = 0;
  for (const number of trace) {
    const key = `k${number}`;
    if (cache.get(key) ?? (await cache.find(key, key))) {
      ++hits;
    } else {
      cache.put(key, key, entryOf(number));
      await cache.settled();
    }
  }
  await cache.close();
  return hits / trace.length;
}

/** @param {{ quick?: boolean }} options */
async function measure({ quick }) {
  const long = zipfTrace(quick ? 20_000 : 200_000, 1);
  const memoryIdeal = idealHits(long, 400);
  const memory = await measuredHits(long, { memory: 400 });
  const short = zipfTrace(quick ? 4000 : 20_000, 2);
  const bothIdeal = idealHits(short, 1000);
  const both = await withFolder((folder) => measuredHits(short, { memory: 100, disk: 1000, folder }));
  const figure = (name, value, ideal, length) => ({
    name,
    value: 100 * (ideal - value),
    unit: 'points',
    target: 'within 2 points of an ideal LRU',
    met: Math.abs(ideal - value) <= 0.02,
    detail:
      `${(100 * value).toFixed(2)}% of ${length} requests over ${kKeys} keys (Zipf ${kExponent}); ` +
      `ideal ${(100 * ideal).toFixed(2)}%`,
  });
  return [
    figure('hit rate of the memory, 400 entries, below an ideal one', memory, memoryIdeal, long.length),
    figure('hit rate of memory (100) and disk (1000), below an ideal one of 1000', both, bothIdeal, short.length),
  ];
}

module.exports = { measure };
