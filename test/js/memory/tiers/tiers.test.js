// What is done as memory fills up, with numbers of the test's own.
'use strict';
const { Copies } = require('../../../../lib/memory/tiers/copies');
const { fakeTiers, kLimit } = require('../../../support/fake-tiers');

/**
 * @param {import('../../../../lib/memory/tiers').Tiers} tiers
 * @param {string[]} gone
 */
const adder =
  (tiers, gone) =>
  (name, bytes, isPinned = false) => {
    const copy = { bytes, isPinned, letGo: () => gone.push(name) > 0 };
    tiers.used(copy);
    return copy;
  };

test('copies go in the order of their last use, and no more than have to', () => {
  const copies = new Copies();
  const gone = [];
  const of = (name, isPinned = false, can = true) => ({ bytes: 10, isPinned, letGo: () => can && gone.push(name) > 0 });
  const [a, b, c, d, e] = [of('a'), of('b', true), of('c', false, false), of('d'), of('e')];
  for (const copy of [a, b, c, d, e]) copies.used(copy, 1);
  copies.used(a, 2);
  expect(copies.bytes).toBe(50);
  expect(copies.letGo(15, 1)).toBe(0);
  expect(copies.letGo(15, 2)).toBe(20);
  expect(gone).toEqual(['d', 'e']); // b is pinned, c can't go, a was used last
  expect(copies.letGo(Infinity)).toBe(10);
  expect(gone).toEqual(['d', 'e', 'a']);
  expect(copies.bytes).toBe(20);
  copies.delete(b);
  expect(copies.bytes).toBe(10);
});

describe('the device', () => {
  test('from 60% on copies stop growing, and the least used go until half of it is in use', () => {
    const { tiers, numbers, set } = fakeTiers();
    const gone = [];
    const add = adder(tiers, gone);
    const a = add('a', 60);
    for (const name of ['b', 'c', 'd']) add(name, 60);
    set({ device: 0.59 });
    expect([gone, tiers.mayCopy(false)]).toEqual([[], true]);
    tiers.used(a);
    set({ device: 0.61 }); // 110 above a half
    expect(gone).toEqual([]); // what is in use would come again at once
    numbers.ms += 8500;
    tiers.used(a);
    set({}, 2000);
    expect([gone, tiers.mayCopy(false), tiers.mayCopy(true)]).toEqual([['b', 'c'], false, true]);
    set({ device: 0.5 });
    expect([gone, tiers.mayCopy(false)]).toEqual([['b', 'c'], false]); // left at less than 50% alone
    set({ device: 0.49 });
    expect(tiers.mayCopy(false)).toBe(true);
  });

  test('from 80% on all go that are not pinned, and pools are trimmed, once', () => {
    const { tiers, numbers, set } = fakeTiers();
    const gone = [];
    const add = adder(tiers, gone);
    add('pinned', 1, true);
    add('a', 1);
    add('b', 1);
    set({ device: 0.79 });
    expect(numbers.trims).toBe(0);
    add('c', 1);
    set({ device: 0.8 });
    expect(gone).toEqual(['a', 'b', 'c']);
    expect([tiers.mayCopy(false), tiers.mayCopy(true)]).toEqual([false, false]);
    set({ device: 0.75 });
    expect(numbers.trims).toBe(1);
    set({ device: 0.65 });
    set({ device: 0.85 });
    expect(numbers.trims).toBe(2);
  });

  test('a copy comes where there is room for it below 60%, a pinned one below 80%', () => {
    const { tiers, set } = fakeTiers();
    set({ device: 0.5 });
    expect([100, 101].map((bytes) => tiers.mayCopy(false, bytes))).toEqual([true, false]);
    expect([300, 301].map((bytes) => tiers.mayCopy(true, bytes))).toEqual([true, false]);
  });

  test('writes go on: they need the host', () => {
    const { tiers, set } = fakeTiers();
    set({ device: 0.99 });
    expect(() => tiers.checkWrite('the index')).not.toThrow();
  });
});

describe('the host', () => {
  const member = () => {
    const calls = { toFiles: 0, clean: 0 };
    return { calls, toFiles: () => ++calls.toFiles, clean: () => ++calls.clean };
  };

  test('where copies lie there, they go', () => {
    const { tiers, set } = fakeTiers({ hasDevice: false });
    const gone = [];
    adder(tiers, gone)('a', 1);
    set({ host: 0.7 }, 11_000);
    expect([gone, tiers.mayCopy(false)]).toEqual([['a'], false]);
  });

  test('from 60% on rows give way to files, from 80% on what was removed is cleared away', () => {
    const { tiers, numbers, set } = fakeTiers();
    const index = member();
    const leave = tiers.join(index);
    set({ host: 0.59 });
    expect(index.calls).toEqual({ toFiles: 0, clean: 0 });
    set({ host: 0.6 });
    expect(index.calls).toEqual({ toFiles: 1, clean: 0 });
    set({ host: 0.8 });
    expect(index.calls).toEqual({ toFiles: 2, clean: 1 });
    expect(numbers.trims).toBe(1);
    set({ host: 0.9 });
    expect(index.calls.clean).toBe(1); // not again at once
    numbers.ms += 60_000;
    set({});
    expect(index.calls.clean).toBe(2);
    leave();
    set({ ms: 1e9 });
    expect(index.calls.clean).toBe(2);
  });

  test('writes are refused from 80% on, with a remedy, until it is below 70%', () => {
    const { tiers, numbers, set } = fakeTiers();
    const index = member();
    tiers.join(index);
    const write = () => {
      numbers.ms += 1000; // at once, without a look of the timer's
      tiers.checkWrite('the index');
    };
    set({ host: 0.79 });
    write();
    numbers.host = 0.8;
    expect(write).toThrow(
      expect.objectContaining({
        code: 'ERR_OUT_OF_MEMORY',
        message: expect.stringMatching(/800 of .*1000.*hostMemoryLimit/),
      }),
    );
    expect(index.calls.clean).toBe(1); // which the refusal has begun
    numbers.host = 0.71;
    expect(write).toThrow('the index takes nothing more');
    numbers.host = 0.69;
    write();
  });
});

test('a disk that is full refuses what is written to it, and clears up', () => {
  const { tiers, disk, numbers, set } = fakeTiers();
  const calls = [];
  tiers.join({ disk, toFiles: () => calls.push('files'), clean: (of, room) => calls.push([of, room]) });
  set({ disk: 0.7 });
  tiers.checkWrite('the index', disk);
  expect(calls).toEqual([]);
  set({ disk: 0.9 });
  expect(calls).toEqual([['disk', kLimit * 0.1]]);
  expect(numbers.reclaims).toBe(1);
  expect(() => tiers.checkWrite('the index', disk)).toThrow(/the disk's limit.*'limit'/);
  tiers.checkWrite('another index'); // in memory alone
  expect(tiers.statuses(disk)).toEqual([
    { tier: 'device', of: 'a test', state: 'normal', used: 0, limit: kLimit, fullInMs: null },
    { tier: 'host', of: 'a test', state: 'normal', used: 0, limit: kLimit, fullInMs: null },
    { tier: 'disk', of: 'a test', state: 'recovery', used: 900, limit: kLimit, fullInMs: null },
  ]);
});

test('a disk that several have: its files are looked through once a look, and a change is told once', () => {
  const { tiers, disk, numbers, told, set } = fakeTiers();
  const member = () => ({ disk, toFiles() {}, clean() {} });
  const leave = [tiers.join(member()), tiers.join(member())];
  const states = () => told.map(({ tier, state }) => `${tier} ${state}`);
  set({ disk: 0.7 });
  expect([numbers.reclaims, states()]).toEqual([0, ['disk high']]);
  set({ disk: 0.85 });
  set({});
  expect([numbers.reclaims, states()]).toEqual([2, ['disk high', 'disk recovery']]);
  leave[0]();
  leave[0]();
  set({ disk: 0.1 });
  expect(states()).toEqual(['disk high', 'disk recovery', 'disk normal']);
  leave[1]();
  set({ disk: 0.7 });
  disk.look();
  expect(told).toHaveLength(3);
});
