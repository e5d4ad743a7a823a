// The room that clients share: answers in bytes, jobs in number and cost; who waits, who is refused, what goes back.
'use strict';
const { Room } = require('../../../lib/exchange/room');
const { sleep, until } = require('../../support/waiting');
const { clientOf } = require('../../../lib/exchange/caps');

const kWish = {
  client: 'a',
  bytes: 0,
  jobs: 0,
  mostJobs: Infinity,
  cost: 0,
  mostCost: Infinity,
  ms: 10_000,
};

/** A room, and what became of each wish: undefined while it waits, then 'in' or why not. */
function makeRoom(limit, onPeakOver) {
  const room = new Room(limit, onPeakOver, 200);
  const became = {};
  const enter = (number, wish, owner = 1) =>
    room.enter(owner, number, { ...kWish, ...wish }, (lack) => {
      expect(became[number]).toBeUndefined();
      became[number] = lack ?? 'in';
    });
  return { room, became, enter };
}

test('answers of one client take no more than is free, and each leaves as much as it takes', () => {
  const { room, became, enter } = makeRoom(100);
  enter(1, { bytes: 30 });
  enter(2, { bytes: 30 }); // 60 of 70 that are free
  enter(3, { bytes: 10 }); // 70 of 40
  enter(4, { client: 'b', bytes: 25 }); // more than half of 40
  enter(5, { client: 'c', bytes: 10 }); // what fits passes what does not
  expect(became).toEqual({ 1: 'in', 2: 'in', 5: 'in' });
  expect(room.held).toBe(70);
  room.leave(1, 1);
  expect(became).toEqual({ 1: 'in', 2: 'in', 3: 'in', 4: 'in', 5: 'in' });
  for (const number of [2, 3, 4, 4, 5]) room.leave(1, number);
  expect(room.held).toBe(0);
});

test('there is room for a small answer however many clients read nothing', () => {
  const { room, became, enter } = makeRoom(2 ** 28);
  for (let number = 1; number <= 80; ++number) enter(number, { client: `slow ${number}`, bytes: 2 ** 26 });
  expect(Object.keys(became)).toHaveLength(3);
  enter(81, { client: 'honest', bytes: 2 ** 22 });
  expect(became[81]).toBe('in');
  expect(room.held).toBeLessThan(room.limit);
});

test('a single answer may be larger than all of it, when it is alone', () => {
  const { room, became, enter } = makeRoom(100);
  enter(1, { client: 'a', bytes: 10 });
  enter(2, { client: 'b', bytes: 300 });
  expect(became).toEqual({ 1: 'in' });
  room.leave(1, 1);
  expect(became).toEqual({ 1: 'in', 2: 'in' });
  room.leave(1, 2);
  expect(room.held).toBe(0);
});

test('one that is larger than all of it leaves a half to the others', () => {
  const { room, became, enter } = makeRoom(100);
  enter(1, { client: 'a', bytes: 300 });
  enter(2, { client: 'b', bytes: 20 });
  enter(3, { client: 'c', bytes: 300 });
  expect(became).toEqual({ 1: 'in', 2: 'in' });
  room.leave(1, 2);
  room.leave(1, 1);
  expect(became).toEqual({ 1: 'in', 2: 'in', 3: 'in' });
  room.leave(1, 3);
  expect(room.held).toBe(0);
});

test("jobs of a client are counted, and its waiting ones hold up nobody else's", () => {
  const { room, became, enter } = makeRoom(100);
  for (let number = 1; number <= 4; ++number) enter(number, { jobs: 1, mostJobs: 2, bytes: 1 });
  enter(5, { client: 'b', jobs: 1, mostJobs: 2, bytes: 1 });
  enter(6, {}); // one that does not count
  expect(became).toEqual({ 1: 'in', 2: 'in', 5: 'in', 6: 'in' });
  room.endJob(1, 1); // its answer is still being read
  room.endJob(1, 1);
  expect(became).toEqual({ 1: 'in', 2: 'in', 3: 'in', 5: 'in', 6: 'in' });
  expect(room.held).toBe(4);
  room.leave(1, 2);
  expect(became[4]).toBe('in');
});

test('the cost of a client is a sum; a smaller job passes a larger one that waits', () => {
  const { room, became, enter } = makeRoom(100);
  const cost = (ms) => ({ cost: ms, mostCost: 10 });
  enter(1, cost(7));
  enter(2, cost(7));
  enter(3, cost(3));
  enter(4, { client: 'b', ...cost(7) });
  expect(became).toEqual({ 1: 'in', 3: 'in', 4: 'in' });
  room.leave(1, 1);
  expect(became[2]).toBe('in');
});

test('who waits too long is told what it waited for', async () => {
  const { room, became, enter } = makeRoom(100);
  enter(1, { client: 'a', bytes: 50, jobs: 1, mostJobs: 1 });
  enter(2, { client: 'b', bytes: 25 });
  enter(3, { client: 'a', bytes: 10, ms: 100 });
  enter(4, { client: 'a', jobs: 1, mostJobs: 1, ms: 100 });
  enter(5, { client: 'c', bytes: 20, ms: 100 });
  expect(became).toEqual({ 1: 'in', 2: 'in' });
  await until(() => became[5]);
  expect(became).toEqual({ 1: 'in', 2: 'in', 3: 'own-answers', 4: 'jobs', 5: 'answers' });
  room.leave(1, 1);
  room.leave(1, 2);
  expect(room.held).toBe(0);
});

test('so many requests of a client may wait, and no more', () => {
  const { room, became, enter } = makeRoom(100);
  for (let number = 1; number <= 258; ++number) enter(number, { jobs: 1, mostJobs: 1 });
  expect(became).toEqual({ 1: 'in', 258: 'many' });
  room.leave(1, 7); // one that waits
  enter(259, { jobs: 1, mostJobs: 1 });
  expect(became[259]).toBeUndefined();
});

test('what an owner held goes back when it ends, and what it waited for is forgotten', () => {
  const { room, became, enter } = makeRoom(100);
  enter(1, { client: 'a', bytes: 50, jobs: 1, mostJobs: 1 }, 'first');
  enter(2, { client: 'a', jobs: 1, mostJobs: 1 }, 'first');
  enter(3, { client: 'a', jobs: 1, mostJobs: 1 }, 'second');
  room.forget('first');
  expect(became).toEqual({ 1: 'in', 3: 'in' });
  expect(room.held).toBe(0);
  room.leave('first', 1);
  expect(room.held).toBe(0);
});

test('it says once when a peak of answers is over', async () => {
  const onPeakOver = jest.fn();
  const { room, enter } = makeRoom(2 ** 30, onPeakOver);
  enter(1, { bytes: 2 ** 26 });
  enter(2, { bytes: 2 ** 25 });
  room.leave(1, 1);
  await sleep(300);
  expect(onPeakOver).not.toHaveBeenCalled();
  enter(3, { bytes: 2 ** 16 });
  room.leave(1, 2);
  await until(() => onPeakOver.mock.calls.length === 1);
  enter(4, { bytes: 2 ** 16 }); // nothing worth tidying up
  room.leave(1, 4);
  await sleep(300);
  expect(onPeakOver).toHaveBeenCalledTimes(1);
});

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['::1', '0:0:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0db8:0001:0002::9', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('the client of %s is %s', (address, client) => {
  expect(clientOf(address)).toBe(client);
});
