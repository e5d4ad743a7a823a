// States of tiers: where they are entered and left, against the rule in plain words.
'use strict';
const { stateAfter, worstOf } = require('../../../lib/pressure/states');

/** @param {number[]} shares in per cent */
function statesOf(shares) {
  let state = /** @type {import('../../../lib/pressure/states').TierState} */ ('normal');
  return shares.map((share) => (state = stateAfter(state, share / 100)));
}

test('high from 60%, recovery from 80%', () => {
  expect(statesOf([0, 59.9, 60])).toEqual(['normal', 'normal', 'high']);
  expect(statesOf([79.9, 80, 100, 300])).toEqual(['high', 'recovery', 'recovery', 'recovery']);
  expect(statesOf([95])).toEqual(['recovery']);
});

test('each is left ten points lower', () => {
  expect(statesOf([60, 55, 50, 49.9, 55])).toEqual(['high', 'high', 'high', 'normal', 'normal']);
  expect(statesOf([80, 79, 70, 69.9, 75])).toEqual(['recovery', 'recovery', 'recovery', 'high', 'high']);
  expect(statesOf([85, 10])).toEqual(['recovery', 'normal']);
  expect(statesOf([85, 52, 49])).toEqual(['recovery', 'high', 'normal']);
});

test('the worst of some', () => {
  expect(worstOf([])).toBe('normal');
  expect(worstOf(['high', 'normal'])).toBe('high');
  expect(worstOf(['high', 'recovery', 'normal'])).toBe('recovery');
});
