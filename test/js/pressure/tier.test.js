// A tier with numbers of the test's own: what it tells, and when.
'use strict';
const { Tier } = require('../../../lib/pressure/tier');
const { storesUse, watchStore } = require('../../../lib/pressure');

/** @param {number} [fullWithinMs] */
function tierWith(fullWithinMs = 0) {
  const numbers = { ms: 0, used: 0, limit: 1000, reads: 0 };
  /** @type {import('../../../lib/pressure/tier').TierStatus[]} */
  const told = [];
  const tier = new Tier({
    tier: 'host',
    of: 'here',
    read: () => {
      ++numbers.reads;
      return { used: numbers.used, limit: numbers.limit };
    },
    now: () => numbers.ms,
    fullWithinMs,
    onChange: (status) => told.push(status),
  });
  return { tier, numbers, told };
}

test('each change of its state is told once, with its numbers', () => {
  const { tier, numbers, told } = tierWith();
  for (const used of [100, 600, 700, 800, 750, 650, 550, 400]) {
    numbers.used = used;
    tier.look();
  }
  expect(told.map(({ state, used }) => [state, used])).toEqual([
    ['high', 600],
    ['recovery', 800],
    ['high', 650],
    ['normal', 400],
  ]);
  expect(told[0]).toEqual({ tier: 'host', of: 'here', state: 'high', used: 600, limit: 1000, fullInMs: null });
});

test('one that was looked at just now is not read again', () => {
  const { tier, numbers } = tierWith();
  tier.look();
  numbers.ms = 50;
  numbers.used = 900;
  expect(tier.look(100)).toBe('normal');
  expect(numbers.reads).toBe(1);
  numbers.ms = 100;
  expect(tier.look(100)).toBe('recovery');
  expect(tier.above(0.5)).toBe(400);
});

test('without a limit it is never full', () => {
  for (const limit of [0, Infinity]) {
    const { tier, numbers } = tierWith(1e9);
    numbers.limit = limit;
    numbers.used = 1e15;
    expect(tier.look()).toBe('normal');
    expect(tier.status()).toMatchObject({ limit: null, fullInMs: null });
    expect(tier.above(0.5)).toBe(0);
  }
});

test('that it will soon be full is told once, and again after it was far from it', () => {
  const { tier, numbers, told } = tierWith(60_000);
  numbers.limit = 1e6;
  const steps = (/** @type {number} */ count, /** @type {number} */ bytes) => {
    for (let i = 0; i < count; ++i) {
      numbers.ms += 5000;
      numbers.used += bytes;
      tier.look();
    }
  };
  const soon = () => told.filter(({ fullInMs }) => fullInMs !== null && fullInMs <= 60_000);
  steps(190, 5000); // 50 s are left
  expect(soon()).toHaveLength(1);
  steps(5, 5000);
  expect(soon()).toHaveLength(1);
  steps(30, 0);
  expect(tier.status().fullInMs).toBeNull();
  steps(3, 0);
  numbers.used = 500_000;
  steps(60, 0);
  steps(90, 5000);
  expect(soon()).toHaveLength(2);
});

test('one that fills up steadily is told of before it is full, once', () => {
  const { tier, numbers, told } = tierWith(60_000);
  numbers.limit = 1e6;
  for (let i = 0; i < 100; ++i) {
    numbers.ms += 5000;
    numbers.used += 5000; // full after 200 steps
    tier.look();
  }
  expect(told.map(({ state }) => state)).toEqual([]); // 50%, and 500 s to go
  for (let i = 0; i < 95; ++i) {
    numbers.ms += 5000;
    numbers.used += 5000;
    tier.look();
  }
  // high at 60%, recovery at 80%, and one when a minute is left
  expect(told.map(({ state, used }) => [state, used])).toEqual([
    ['high', 600_000],
    ['recovery', 800_000],
    ['recovery', 940_000],
  ]);
  expect(told[2].fullInMs).toBeCloseTo(60_000, 3);
});

test('numbers of another source are no growth', () => {
  const numbers = { ms: 0, used: 0, from: 'a group' };
  const read = () => ({ used: numbers.used, limit: 1e9, from: numbers.from });
  const tier = new Tier({ tier: 'host', of: 'host', read, now: () => numbers.ms });
  const step = (/** @type {number} */ bytes) => {
    numbers.ms += 5000;
    numbers.used += bytes;
    tier.look();
  };
  for (let i = 0; i < 10; ++i) step(1000);
  expect(tier.status().fullInMs).not.toBeNull();
  numbers.from = 'the machine';
  step(1e8);
  expect(tier.status()).toMatchObject({ of: 'the machine', fullInMs: null });
  for (let i = 0; i < 5; ++i) step(1000);
  expect(tier.status().fullInMs).toBeCloseTo((1e9 - numbers.used) * 5, -3);
});

test('of stores the one that is nearest to its limit counts', () => {
  expect(storesUse()).toEqual({ used: 0, limit: 0 });
  const closed = [
    watchStore(() => ({ used: 900, limit: 0 })),
    watchStore(() => ({ used: 10, limit: 100 })),
    watchStore(() => ({ used: 5, limit: 10 })),
  ];
  expect(storesUse()).toEqual({ used: 5, limit: 10 });
  closed[2]();
  expect(storesUse()).toEqual({ used: 10, limit: 100 });
  for (const close of closed) close();
  expect(storesUse()).toEqual({ used: 0, limit: 0 });
});
