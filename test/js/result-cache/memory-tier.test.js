// Results in memory: the latest used stay, for a while, within the limit; tags; what had to go is remembered.
'use strict';
const { MemoryTier } = require('../../../lib/result-cache/memory-tier');
const { entryOf, numbersOf } = require('../../support/result-entries');

const kOverhead = 512;
const kEntry = kOverhead + 64; // of 16 numbers

/** @param {number} entries that there is room for @param {number} [ms] */
function tierOf(entries, ms = 1000) {
  let now = 1; // 0 is no time to that library
  const tier = new MemoryTier({ limit: entries * kEntry, ms }, () => now);
  return { tier, advance: (by) => (now += by) };
}

test('the latest used stay within the limit, as in a list that is kept by hand', () => {
  const { tier } = tierOf(8, Infinity);
  /** @type {string[]} the oracle: the latest used last */
  let kept = [];
  let state = 1;
  const random = (n) => (state = (state * 48271) % 2147483647) % n;
  for (let i = 0; i < 5000; ++i) {
    const key = `k${random(24)}`;
    const found = tier.get(key);
    expect(found !== undefined).toBe(kept.includes(key));
    kept = kept.filter((each) => each !== key);
    if (found) expect(numbersOf(found)[0]).toBe(Number(key.slice(1)));
    else tier.set(key, entryOf(Number(key.slice(1))));
    kept = [...kept, key].slice(-8);
  }
  expect(tier.keys(100)).toEqual(kept.toReversed?.() ?? [...kept].reverse());
  expect(tier.use()).toMatchObject({ entries: 8, bytes: 8 * kEntry, limit: 8 * kEntry, state: 'ok' });
});

test('an entry is gone when its time is up', () => {
  const { tier, advance } = tierOf(8, 1000);
  tier.set('a', entryOf(1));
  advance(999);
  expect(tier.get('a')).toBeDefined();
  advance(2);
  expect(tier.get('a')).toBeUndefined();
  expect(tier.hadOnce('a')).toBe(true);
  expect(tier.use().entries).toBe(0);
});

test('what had to go is remembered, what was dropped is not', () => {
  const { tier } = tierOf(4);
  for (const key of ['a', 'b', 'c', 'd', 'e']) tier.set(key, entryOf(0), key === 'e' ? 'tag' : undefined);
  expect(tier.hadOnce('a')).toBe(true);
  expect(tier.hadOnce('b')).toBe(false);
  tier.drop('tag');
  expect(tier.get('e')).toBeUndefined();
  expect(tier.hadOnce('e')).toBe(false);
  expect(tier.get('b')).toBeDefined();
});

test('a tag drops what is of it, wherever it was set, and nothing else', () => {
  const { tier } = tierOf(8);
  tier.set('a', entryOf(0), 'x');
  tier.set('b', entryOf(0), 'y');
  tier.set('c', entryOf(0), 'x');
  tier.set('a', entryOf(5)); // of no tag any more
  tier.drop('x');
  expect(tier.keys(9).sort()).toEqual(['a', 'b']);
  tier.drop('unknown');
  expect(tier.keys(9)).toHaveLength(2);
});

test('an entry beyond a quarter of the limit is not kept, and a limit of 0 keeps nothing', () => {
  const { tier } = tierOf(8);
  tier.set('large', entryOf(0, tier.mostBytes / 4 + 1));
  tier.set('fits', entryOf(0, tier.mostBytes / 4));
  expect(tier.keys(9)).toEqual(['fits']);
  const none = new MemoryTier({ limit: 0, ms: 1000 });
  none.set('a', entryOf(0));
  expect(none.get('a')).toBeUndefined();
  expect(none.use()).toMatchObject({ entries: 0, state: 'off' });
});
