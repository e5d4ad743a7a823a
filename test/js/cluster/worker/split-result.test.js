// The error of a part as that of its job.
'use strict';
const { GPUError } = require('../../../../lib/core');
const { inPart } = require('../../../../lib/cluster/worker/split-result');

test('it names the part, and leaves the error of the part as it is', () => {
  const released = Promise.resolve();
  const error = Object.assign(new GPUError('ERR_QUEUE_FULL', 'full', { cause: 'many' }), { retryAfter: 5, released });
  const ours = inPart(error, 'part 1 of 2', 'late part', 'late job');
  expect([ours.code, ours.message, ours.cause, ours.retryAfter]).toEqual([
    'ERR_QUEUE_FULL',
    'part 1 of 2: full',
    'many',
    5,
  ]);
  expect(ours.released).toBe(released);
  expect(error.message).toBe('full');
});

test('that its time is up is said of the job', () => {
  const error = new GPUError('ERR_TIMEOUT', 'late part: it was running');
  expect(inPart(error, 'part 1 of 2', 'late part', 'late job').message).toBe('late job: part 1 of 2: it was running');
});
