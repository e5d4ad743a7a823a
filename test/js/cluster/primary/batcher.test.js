// How many jobs join one launch, and how long one is held for those that are expected.
'use strict';
const { fc, check, makeJob, makeContext } = require('../../../support/simulation');
const { joinLimit, companions, holdMs, ArrivalMeter } = require('../../../../lib/cluster/primary/batcher');

describe('joinLimit', () => {
  test.each([
    ['without a key', {}, 1],
    ['with one', { joinKey: 1 }, 64],
    ['that is large', { joinKey: 1, bytes: 2 ** 18 }, 4],
    ['beyond a megabyte', { joinKey: 1, bytes: 2 ** 21 }, 1],
    ['of no bytes', { joinKey: 1, bytes: 0 }, 64],
    ['that takes long', { joinKey: 1, cost: 0.2 }, 1],
    ['that has to be alone', { joinKey: 1, alone: true }, 1],
  ])('a job %s', (_, fields, limit) => expect(joinLimit(makeJob({ cost: 0.1, ...fields }), makeContext())).toBe(limit));
  test('as many as the settings say', () =>
    expect(joinLimit(makeJob({ cost: 0.1, joinKey: 1 }), makeContext(), 8)).toBe(8));
  test('a context short of memory', () =>
    expect(joinLimit(makeJob({ cost: 0.1, joinKey: 1 }), makeContext({ memoryFree: 10000 }))).toBe(2));
  test('companions: as many as fit in a megabyte, small ones only', () => {
    const fits = companions(makeJob({ joinKey: 1, cost: 0.1, bytes: 2 ** 19 }));
    const small = { joinKey: 1, cost: 0.1, bytes: 2 ** 18 };
    expect(
      [{ ...small, cost: 1 }, small, { ...small, bytes: 2 ** 19 }, small, small].map((fields) => fits(makeJob(fields))),
    ).toEqual([false, true, false, true, false]);
  });
});

describe('jobs over packed tokens', () => {
  const packed = (rows, fields) =>
    makeJob({ joinKey: 1, cost: 50, bytes: 2 ** 26, ownBytes: 2 ** 22, rows, mostRows: 100, ...fields });
  test('are joined whatever they take, up to their own number of tokens', () => {
    expect(joinLimit(packed(30), makeContext())).toBe(64);
    expect(joinLimit(packed(98), makeContext())).toBe(3);
    expect(joinLimit(packed(100), makeContext())).toBe(1);
    const fits = companions(packed(30), makeContext());
    expect([50, 30, 20, 1].map((rows) => fits(packed(rows)))).toEqual([true, false, true, false]);
  });
  test('and as memory is free', () => {
    expect(joinLimit(packed(30), makeContext({ memoryFree: 2.5 * 2 ** 22 }))).toBe(2);
    const fits = companions(packed(1), makeContext({ memoryFree: 2.5 * 2 ** 22 }));
    expect([fits(packed(1)), fits(packed(1))]).toEqual([true, false]);
  });
  test('never more than there may be', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 130 }), { minLength: 1, maxLength: 30 });
    check(
      fc.property(sizes, ([first, ...others]) => {
        const fits = companions(packed(first));
        const taken = others.filter((rows) => fits(packed(rows)));
        const sum = taken.reduce((a, b) => a + b, first);
        if (taken.length) expect(sum).toBeLessThanOrEqual(100);
      }),
    );
  });
});

describe('holdMs', () => {
  const job = makeJob({ joinKey: 1, cost: 0.1, enqueued: 100 });
  const hold = (fields) =>
    holdMs({ now: 100, job, queued: 1, arrivalMs: 0.01, launchMs: 0.4, slackMs: Infinity, ...fields });
  test('for as long as the missing ones take to come', () => expect(hold()).toBeCloseTo(0.63));
  test('at most two launches, at most 1 ms', () => {
    expect(hold({ launchMs: 0.1 })).toBeCloseTo(0.2);
    expect(hold({ launchMs: 10, arrivalMs: 0.5 })).toBe(1);
  });
  test('a deadline only shortens it', () => {
    expect(hold({ slackMs: 1e6 })).toBe(hold());
    expect(hold({ slackMs: 5 })).toBeCloseTo(0.5);
    for (const slackMs of [0, -1, -Infinity, NaN, undefined]) expect(hold({ slackMs })).toBe(0);
  });
  test('not when nobody is expected in time, or slower than they can be launched one by one', () => {
    expect(hold({ arrivalMs: Infinity })).toBe(0);
    expect(hold({ arrivalMs: 0.5 })).toBe(0);
    expect(hold({ arrivalMs: NaN })).toBe(0);
  });
  test('not when enough are there, or none can join', () => {
    expect(hold({ queued: 63 })).toBeCloseTo(0.01);
    expect(hold({ queued: 64 })).toBe(0);
    expect(hold({ job: makeJob({ cost: 0.1 }) })).toBe(0);
  });
  test('from when the job came in: asking again does not prolong it', () => {
    expect(hold({ now: 100.3 })).toBeCloseTo(0.5);
    expect(hold({ now: 100.81 })).toBe(0);
    expect(hold({ now: 200 })).toBe(0);
  });
  test('never beyond its bounds, and never longer for less slack', () => {
    const ms = fc.double({ min: 0, max: 20, noNaN: true });
    const slack = fc.double({ min: -5, max: 50, noNaN: true }),
      count = fc.integer({ min: 1, max: 80 });
    check(
      fc.property(ms, ms, slack, ms, count, ms, (arrivalMs, launchMs, slackMs, more, queued, age) => {
        const state = { arrivalMs, launchMs, queued, now: 100 + age };
        const held = hold({ ...state, slackMs });
        expect(held).toBeGreaterThanOrEqual(0);
        expect(held).toBeLessThanOrEqual(Math.max(0, Math.min(1, 2 * launchMs, slackMs / 10)));
        expect(hold({ ...state, slackMs: slackMs + more })).toBeGreaterThanOrEqual(held);
        if (held > 0) expect(arrivalMs).toBeLessThanOrEqual(launchMs);
      }),
      300,
    );
  });
});

describe('ArrivalMeter', () => {
  const noted = (times, key = 1) => {
    const meter = new ArrivalMeter();
    for (const time of times) meter.note(key, time);
    return meter;
  };
  const every = (ms, count) => Array.from({ length: count }, (_, i) => i * ms);
  test('knows nothing before the second arrival', () => {
    expect(noted([]).interval(1, 0)).toBe(Infinity);
    expect(noted([5]).interval(1, 5)).toBe(Infinity);
    expect(noted([5, 7]).interval(1, 7)).toBe(2);
    expect(noted([5, 7]).interval(2, 7)).toBe(Infinity);
  });
  test('follows a change of pace', () => {
    expect(noted(every(0.5, 50)).interval(1, 24.5)).toBeCloseTo(0.5);
    expect(noted([...every(5, 50), ...every(0.5, 50).map((time) => 250 + time)]).interval(1, 274.5)).toBeLessThan(0.6);
  });
  test('a pause is forgotten as soon as a short one', () => {
    expect(noted([0, 1e6, ...every(0.1, 40).map((time) => 1e6 + 1 + time)]).interval(1, 1e6 + 4.9)).toBeLessThan(0.2);
  });
  test('silence counts', () => expect(noted(every(1, 10)).interval(1, 59)).toBe(50));
  test('forgets the keys longest unseen', () => {
    const meter = new ArrivalMeter();
    for (let i = 0; i < 5000; ++i) {
      meter.note(i, i);
      meter.note(0, i);
      if (i > 0) expect(meter.interval(0, i)).toBeLessThan(1.1);
    }
    expect(meter.keys.size).toBe(1024);
    expect(meter.interval(17, 4999)).toBe(Infinity);
  });
});
