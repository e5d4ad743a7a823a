// How a job is cut: which devices get a part, and how many rows of it.
'use strict';
const { SplitPlanner } = require('../../../../lib/cluster/worker/split-plan');

let lastHome = 0;
const target = (fields = {}) => ({
  home: ++lastHome,
  id: `context-${lastHome}`,
  rank: 2,
  isCard: false,
  speed: 1,
  busyMs: 0,
  ...fields,
});
const work = (fields = {}) => ({ units: 10_000, unitMs: 0.01, sharedMs: 0, mergeMs: 0, ...fields });

/** The rows of each part by the place of its target, and the way. */
function planned(ways, targets, planner = new SplitPlanner()) {
  const plan = planner.plan('search', [ways].flat(), targets);
  if (!plan) return undefined;
  let end = 0;
  for (const { first, count } of plan.parts) {
    expect(first).toBe(end);
    expect(count).toBeGreaterThan(0);
    end += count;
  }
  expect(end).toBe([ways].flat()[plan.way].units);
  return plan.parts.map((part) => [targets.findIndex(({ home }) => home === part.target.home), part.count]);
}
const counts = (...args) => planned(...args)?.map(([, count]) => count);

test('devices as fast as each other get as many rows', () => {
  expect(counts(work(), [target(), target()])).toEqual([4992, 5008]);
  expect(counts(work({ units: 4, unitMs: 5 }), [target(), target(), target(), target()])).toEqual([1, 1, 1, 1]);
});

test('a faster one gets more', () => {
  expect(counts(work(), [target({ speed: 0.25 }), target({ speed: 1 })])).toEqual([8000, 2000]);
});

test('what every part has whole weighs on a slow device', () => {
  const [fast, slow] = counts(work({ sharedMs: 10 }), [target({ speed: 0.5 }), target({ speed: 1 })]);
  expect(fast + slow).toBe(10_000);
  // (100 + 2 * 10) / 3 = 40 ms: 80 - 10 of the units' 100 on the fast one.
  expect(Math.abs(fast - 7000)).toBeLessThanOrEqual(32);
});

test('no part of less than 2 ms', () => {
  expect(counts(work({ units: 380 }), [target(), target()])).toBeUndefined();
  expect(counts(work({ units: 420 }), [target(), target()])).toEqual([208, 212]);
  expect(counts(work({ units: 500 }), [target(), target(), target()])).toEqual([248, 252]);
  // It would take 2 ms for 4 rows, which is hardly anything off the others.
  expect(counts(work({ units: 420 }), [target(), target(), target({ speed: 30 })])).toEqual([208, 212]);
});

test('one target, no target, one row: one piece', () => {
  expect(planned(work(), [target()])).toBeUndefined();
  expect(planned(work(), [])).toBeUndefined();
  expect(planned([], [target(), target()])).toBeUndefined();
  expect(counts(work({ units: 2, unitMs: 50 }), [target(), target(), target()])).toEqual([1, 1]);
});

test('one that is busy for longer than all takes gets none', () => {
  expect(counts(work(), [target(), target({ busyMs: 500 })])).toBeUndefined();
  expect(planned(work(), [target(), target({ busyMs: 500 }), target()])?.map(([at]) => at)).toEqual([0, 2]);
  expect(counts(work(), [target(), target({ busyMs: 10 })])).toHaveLength(2);
});

test('another kind of device gets a part once both were measured', () => {
  const card = { rank: 0, isCard: true };
  expect(planned(work(), [target({ ...card, speed: null }), target()])).toBeUndefined();
  expect(planned(work(), [target({ ...card, speed: 0.5 }), target({ speed: null })])).toBeUndefined();
  expect(planned(work(), [target({ ...card, speed: 0.5 }), target()])).toHaveLength(2);
});

test('cards that nothing was measured of are taken for much faster than the reference core', () => {
  const card = () => target({ rank: 0, isCard: true, speed: null });
  expect(planned(work({ units: 2000 }), [card(), card()])).toBeUndefined();
  expect(planned(work({ units: 20_000 }), [card(), card()])).toHaveLength(2);
  // One like it was measured.
  const known = target({ rank: 0, isCard: true, speed: 1 });
  expect(counts(work({ units: 2000 }), [known, card()])).toEqual([1024, 976]);
});

test('the way that ends first; the event loop counts more than devices', () => {
  const base = work({ units: 50_000, unitMs: 0.002, mergeMs: 0.01 });
  const queries = work({ units: 500, unitMs: 0.2, sharedMs: 40 });
  const planner = new SplitPlanner();
  const wayOf = (...ways) => planner.plan('search', ways, [target(), target()]).way;
  expect(wayOf(base, queries)).toBe(0);
  expect(wayOf({ ...base, mergeMs: 5 }, queries)).toBe(1);
});

test('jobs that are alike are cut alike, as long as that is nearly the best', () => {
  const planner = new SplitPlanner();
  const [a, b] = [target(), target()];
  const before = counts(work(), [a, b], planner);
  expect(counts(work(), [a, { ...b, speed: 1.1 }], planner)).toEqual(before);
  const after = counts(work(), [a, { ...b, speed: 2 }], planner);
  expect(after[0]).toBeGreaterThan(before[0] + 1000);
  expect(counts(work(), [a, { ...b, speed: 1.9 }], planner)).toEqual(after);
});
