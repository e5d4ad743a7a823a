// What a process answers of jobs that the coordinator does not know of fits into a message, however many there are.
'use strict';
const { OwnJobs } = require('../../../../lib/cluster/worker/own-jobs');
const { codec, protocol } = require('../../../../lib/cluster/wire');

const kTold = 10_000;

/** A process with so many jobs under way, with the longest ids there are once they are JSON. */
function makeJobs(count) {
  const own = new OwnJobs(3, { isFull: false, find: () => undefined });
  for (let number = 1; number <= count; ++number)
    own.begun(number, '\u0001'.repeat(300), 0, { priority: number }, 1000, Infinity, 5, undefined);
  return own;
}

test('up to ten thousand are all told', () => {
  const answer = makeJobs(kTold).answer(7, undefined);
  expect(answer).toMatchObject({ type: 'followed', number: 7 });
  expect(answer.jobs).toHaveLength(kTold);
  expect(answer.leftOut).toBeUndefined();
});

test('what is said of each counts, too', () => {
  const own = makeJobs(kTold);
  for (let number = 1; number <= kTold; ++number) own.say(number, '\u0001'.repeat(600), ['a part']);
  const answer = own.answer(7, undefined);
  expect(answer.leftOut).toBe(kTold - answer.jobs.length);
  expect(answer.jobs.length).toBeGreaterThan(kTold / 2);
  expect(codec.encodeToCoordinator(answer).length).toBeLessThan(protocol.kMaxMessage / 2);
});

test('of more the first, how many are left out, and no longer message than may be', () => {
  const answer = makeJobs(4 * kTold).answer(7, undefined);
  expect(answer.jobs.map(({ number }) => number)).toEqual(Array.from({ length: kTold }, (_, i) => i + 1));
  expect(answer.leftOut).toBe(3 * kTold);
  const message = codec.encodeToCoordinator(answer);
  expect(message.length).toBeLessThan(protocol.kMaxMessage / 2);
  expect(codec.decodeToCoordinator(message, 0)).toEqual(answer);
});
