// Which texts go into which job: decisions, under property tests.
'use strict';
const fc = require('fast-check');
const { check } = require('../../support/simulation');
const { TokenPlan, WaitingCall, apart, costOf, dueOf } = require('../../../lib/text/token-plan');

const makeText = (cost, fields) => ({ cost, isWanted: true, isGiven: false, ...fields });

/** A plan with calls of texts of these costs, due one after the other. */
function planOf(calls) {
  const plan = new TokenPlan();
  const texts = calls.map((costs, due) => {
    const call = new WaitingCall(due);
    const all = costs.map((cost) => makeText(cost));
    for (const text of all) call.add(text);
    plan.add(call);
    return all;
  });
  return { plan, texts };
}

function takeAll(plan, budget) {
  const jobs = [];
  while (!plan.isEmpty) {
    const job = plan.next(budget);
    if (job.length) jobs.push(job);
  }
  return jobs;
}

const sum = (texts) => texts.reduce((total, { cost }) => total + cost, 0);
const costs = fc.array(fc.array(fc.integer({ min: 1, max: 600 }), { maxLength: 40 }), { maxLength: 8 });

describe('jobs of texts', () => {
  test('have each text once, in the order of the calls, and at most the budget', () => {
    check(
      fc.property(costs, fc.integer({ min: 100, max: 2000 }), (given, budget) => {
        const { plan, texts } = planOf(given);
        const jobs = takeAll(plan, budget);
        expect(jobs.flat()).toEqual(texts.flat());
        for (const job of jobs) expect(job.length === 1 || sum(job) <= budget).toBe(true);
        expect(texts.flat().every(({ isGiven }) => isGiven)).toBe(true);
      }),
    );
  });

  test('are not many more than it takes', () => {
    check(
      fc.property(costs, fc.integer({ min: 600, max: 2000 }), (given, budget) => {
        const { plan, texts } = planOf(given);
        const jobs = takeAll(plan, budget);
        expect(jobs.length).toBeLessThanOrEqual(Math.ceil((4 * sum(texts.flat())) / budget) + 1);
      }),
    );
  });

  test('share out evenly what is more than one', () => {
    const { plan } = planOf([Array(120).fill(10)]);
    expect(takeAll(plan, 1000).map(sum)).toEqual([600, 600]);
  });

  test('are one where all of it fits', () => {
    const { plan, texts } = planOf([[300, 10], [1], [], [689]]);
    expect(takeAll(plan, 1000)).toEqual([texts.flat()]);
  });

  test('leave out what nobody wants, which is told once, and what a job has already', () => {
    const dropped = [];
    const plan = new TokenPlan((text) => dropped.push(text));
    const given = makeText(1, { isGiven: true });
    const left = makeText(1, { isWanted: false });
    const wanted = makeText(1);
    for (const due of [1, 2]) {
      const call = new WaitingCall(due);
      for (const text of [given, left, wanted]) call.add(text);
      plan.add(call);
    }
    expect(takeAll(plan, 10)).toEqual([[wanted]]);
    expect(dropped).toEqual([left]);
  });

  test('come from the call that is due first, equal ones in the order in which they came', () => {
    check(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 20 }), (dues) => {
        const plan = new TokenPlan();
        const texts = dues.map((due, number) => {
          const call = new WaitingCall(due);
          const text = makeText(1, { due, number });
          call.add(text);
          plan.add(call);
          return text;
        });
        const sorted = texts.slice().sort((a, b) => a.due - b.due || a.number - b.number);
        expect(takeAll(plan, 3).flat()).toEqual(sorted);
      }),
    );
  });
});

describe('when a call is due', () => {
  test('short ones pass a long one that came before, and none is passed for ever', () => {
    const long = dueOf(0, 100_000, 0.02, Infinity);
    expect(dueOf(1999, 16, 0.02, Infinity)).toBeLessThan(long);
    expect(dueOf(2001, 16, 0.02, Infinity)).toBeGreaterThan(long);
  });

  test('in time for its deadline, but not before it came', () => {
    expect(dueOf(0, 1000, 1, 1500)).toBe(0);
    expect(dueOf(0, 1000, 1, 2500)).toBe(500);
    expect(dueOf(700, 1000, 1, 1500)).toBe(700);
  });
});

test('attention grows with the square', () => {
  expect(costOf(2000, 2000)).toBe(4000);
  expect(costOf(20, 2000)).toBeCloseTo(20.2);
  expect(costOf(0, 2000)).toBe(1);
});

test('what failed is tried apart by who waits', () => {
  const texts = ['a', 'ab', 'a', 'b', 'ab'].map((waiters, index) => ({ waiters, index }));
  const groups = apart(texts, ({ waiters }) => waiters);
  expect(groups.map((group) => group.map(({ index }) => index))).toEqual([[0, 2], [1, 4], [3]]);
});
