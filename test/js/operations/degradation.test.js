// What is given up under overload: stage by stage as the queue gets older, back when it is young; the lowest priorities
// are refused first, the highest never.
'use strict';
const { Degradation } = require('../../../lib/operations');

/** @param {number} [age] */
function degradationOf(age = 100) {
  const told = [];
  const degradation = new Degradation(
    age,
    () => 0,
    (stage, oldest) => told.push([stage, oldest]),
  );
  return { degradation, told };
}

test('each stage begins at its age, and ends a while after the queue is young again', () => {
  const { degradation, told } = degradationOf();
  const at = (now, oldest) => {
    degradation.look(now, oldest);
    return degradation.stage;
  };
  expect(at(0, 99)).toBe('none');
  expect(at(100, 100)).toBe('no-prefetch');
  expect(at(200, 199)).toBe('no-prefetch');
  expect(at(300, 250)).toBe('small-batches');
  expect(at(400, 400)).toBe('refuse-low');
  expect(at(500, 250)).toBe('refuse-low'); // not calm yet
  expect(at(600, 10)).toBe('refuse-low'); // too soon after the last change
  expect(at(1400, 10)).toBe('small-batches');
  expect(at(1500, 10)).toBe('small-batches');
  expect(at(2400, 10)).toBe('no-prefetch');
  expect(at(3400, 10)).toBe('none');
  expect(told.map(([stage]) => stage)).toEqual([
    'no-prefetch',
    'small-batches',
    'refuse-low',
    'small-batches',
    'no-prefetch',
    'none',
  ]);
});

test('a queue that is old at once goes to the last stage at once', () => {
  const { degradation, told } = degradationOf();
  degradation.look(0, 1000);
  expect(told).toEqual([['refuse-low', 1000]]);
  expect(degradation.has('no-prefetch') && degradation.has('small-batches')).toBe(true);
  expect([64, 3, 1].map((size) => degradation.batchOf(size))).toEqual([16, 1, 1]);
  expect(degradationOf().degradation.batchOf(64)).toBe(64);
});

test('the lowest priorities are refused first, one after the other, and the highest never', () => {
  const { degradation } = degradationOf();
  const refused = (now) => [0, 5, 9].filter((priority) => degradation.refuses(priority, now));
  expect(refused(0)).toEqual([]);
  degradation.look(0, 400);
  expect(refused(10)).toEqual([0]);
  degradation.look(100, 400); // too soon for one more
  expect(refused(110)).toEqual([0]);
  degradation.look(300, 400);
  expect(refused(310)).toEqual([0, 5]);
  for (let now = 600; now < 5000; now += 300) degradation.look(now, 1000);
  expect(refused(5000)).toEqual([0, 5]);
  expect(degradation.state()).toMatchObject({ stage: 'refuse-low', refusedBelow: 9, refused: 6 });
  degradation.look(5300, 100); // the queue is shorter: one less
  expect(refused(5300)).toEqual([0]);
});

test('jobs that are all of one priority are all taken', () => {
  const { degradation } = degradationOf();
  for (let now = 0; now < 5000; now += 300) {
    expect(degradation.refuses(3, now)).toBe(false);
    degradation.look(now, 10_000);
  }
  expect(degradation.state()).toMatchObject({ refused: 0, refusedBelow: null });
});

test('a priority that nobody asks for any more is no highest one', () => {
  const { degradation } = degradationOf();
  degradation.refuses(9, 0);
  for (let now = 0; now < 20_000; now += 300) {
    degradation.refuses(0, now);
    degradation.look(now, 1000);
  }
  expect(degradation.refuses(0, 20_000)).toBe(false);
});

test('without an age nothing is ever given up', () => {
  const { degradation, told } = degradationOf(Infinity);
  degradation.look(0, 1e9);
  expect(degradation.refuses(-5, 0)).toBe(false);
  expect(told).toEqual([]);
  expect(degradation.stage).toBe('none');
});
