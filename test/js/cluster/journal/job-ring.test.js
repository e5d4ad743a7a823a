// The records of jobs that ended: which is found by an id, which is forgotten, and what is said of one.
'use strict';
const { JobRing, at, kOwn, kCached, detailsOf } = require('../../../../lib/cluster/journal/job-ring');
const { stepsOf, timeText } = require('../../../../lib/cluster/journal/steps');
const { kWaits, kHeld, kDetailed } = require('../../../../lib/cluster/journal/waits');
const { countedNames } = require('../../../../lib/call');
const { result } = require('../../../../lib/cluster/wire/protocol');
const { kCodes } = require('../../../../lib/addon/facts');

const kNow = 1e6;

/** Adds a record of a job that took 20 ms: 5 on its way, 10 in the queue, 3 of computing. */
function add(ring, { id, type = 'matmul', context = '1-cpu-0', waitedFor, message, tries, ...numbers } = {}) {
  const place = ring.next();
  ring.contexts[place] = context;
  ring.waitedFor[place] = waitedFor;
  ring.details[place] = detailsOf(id, message, tries);
  const detailed = id !== undefined || message !== undefined || tries !== undefined;
  const all = {
    number: 7,
    code: 0,
    batch: 1,
    switch: 0.5,
    upload: 0.5,
    compute: 3,
    readback: 0.5,
    member: 1,
    context: 0,
    given: kNow + 15,
    attempts: 1,
    flags: 0,
    requester: 1,
    asked: kNow,
    came: kNow + 5,
    ended: kNow + 20,
    deadline: Infinity,
    priority: 0,
    cost: 2,
    before: 0,
    counted: countedNames.indexOf(type),
    ...numbers,
    waits: (numbers.waits ?? 0) | (detailed ? kDetailed : 0),
  };
  expect(Object.keys(all).sort()).toEqual(
    Object.keys(at)
      .filter((name) => name !== 'numbers')
      .sort(),
  );
  for (const [name, value] of Object.entries(all)) ring.numbers[place * at.numbers + at[name]] = value;
}

const stepsFor = (job, id = 'job-1-7') => {
  const ring = new JobRing(4);
  add(ring, job);
  return stepsOf(ring.find(id));
};

test('every number has a place of its own', () => {
  const { numbers, ...places } = at;
  expect(Object.values(places).sort((a, b) => a - b)).toEqual(Array.from({ length: numbers }, (_, i) => i));
});

test('a record begins as a result does', () => {
  const names = ['number', 'code', 'batch', 'switch', 'upload', 'compute', 'readback', 'member', 'context'];
  for (const name of [...names, 'attempts']) expect(at[name]).toBe(result[name] - result.number);
  expect(at.given).toBe(result.started - result.number);
  expect(at.flags).toBe(result.cached - result.number);
  expect(at.requester).toBe(at.flags + 1);
});

test('a job is found by the id of its user, or by the name it got', () => {
  const ring = new JobRing(4);
  add(ring, { id: 'report-13', number: 1 });
  add(ring, { number: 2 });
  expect(ring.find('report-13')).toMatchObject({ id: 'report-13' });
  expect(ring.find('job-1-2')).toMatchObject({ id: 'job-1-2' });
  for (const id of ['job-1-1', 'job-2-2', 'report-1', '', 'job-1-', 'job-1-2x']) expect(ring.find(id)).toBeUndefined();
});

test('of several with one id the one that was asked for last', () => {
  const ring = new JobRing(4);
  add(ring, { id: 'twice', asked: kNow + 2, type: 'scale' });
  add(ring, { id: 'twice', asked: kNow + 1, type: 'matmul' }); // ended later, though it was asked for first
  expect(ring.find('twice').type).toBe('scale');
});

test('the oldest are forgotten, and it is known that some were', () => {
  const ring = new JobRing(3);
  for (let number = 1; number <= 3; ++number) add(ring, { number, asked: kNow + number });
  expect(ring.isFull).toBe(false);
  add(ring, { number: 4, asked: kNow + 4 });
  expect(ring.isFull).toBe(true);
  expect(ring.find('job-1-1')).toBeUndefined();
  for (const number of [2, 3, 4]) expect(ring.find(`job-1-${number}`)).toBeDefined();
});

test('its memory grows with the records, none of which is lost, up to as many as are kept', () => {
  const ring = new JobRing(1000);
  const sizes = new Set();
  for (let number = 1; number <= 2500; ++number) {
    add(ring, { number, asked: kNow + number, id: number % 100 ? undefined : `report-${number}` });
    sizes.add(ring.numbers.length / at.numbers);
    if (number % 333) continue;
    for (const [kept, name] of [
      [Math.max(1, number - 999), 'the oldest'],
      [number, 'the last'],
    ])
      expect([name, ring.find(kept % 100 ? `job-1-${kept}` : `report-${kept}`)?.asked]).toEqual([name, kNow + kept]);
    expect(ring.find(`job-1-${number - 1000}`)).toBeUndefined();
  }
  expect([...sizes]).toEqual([64, 128, 256, 512, 1000]);
});

test('of an id as long as a book the beginning counts', () => {
  const ring = new JobRing(2);
  const long = 'é'.repeat(300);
  add(ring, { id: long });
  expect(ring.find(long).id).toBe(long.slice(0, 256));
  expect(ring.find(long.slice(0, 255))).toBeUndefined();
});

test('the steps of a job that waited', () => {
  expect(stepsFor({ waits: kWaits.busy | kWaits.batch | kHeld, waitedFor: '2-cpu-0', before: 2, batch: 4 })).toEqual([
    expect.stringMatching(
      /^asked for by worker 1 at \d\d:\d\d:\d\d\.\d{3}: matmul, priority 0, 2 ms of work by estimate, /,
    ),
    'its memory was made ready and its message came, which took 5 ms',
    'waited 10 ms in the queue: 2 jobs were there before it; its contexts were busy, 2-cpu-0 the best of them; ' +
      'it was held for a batch: others like it were expected at once',
    'given to 1-cpu-0, where inputs of it were already, with 3 others in one launch',
    'took 3 ms of computing, 1 ms of moving data',
    'done after 20 ms',
  ]);
});

test('every reason to wait is said in words of its own', () => {
  const said = Object.values(kWaits).map((waits) => stepsFor({ waits, waitedFor: 'X' })[2]);
  expect(new Set(said).size).toBe(Object.keys(kWaits).length);
  for (const text of said) expect(text).toMatch(/^waited 10 ms in the queue: .{10,}[^%]$/);
});

test('the steps of jobs that fail, are tried again, share an answer, or run where they were asked for', () => {
  const code = 1 + kCodes.indexOf('ERR_TIMEOUT');
  expect(stepsFor({ code, message: 'it waited', given: 0, deadline: kNow + 20, attempts: 0 }).slice(-2)).toEqual([
    'waited 15 ms in the queue',
    'ended with ERR_TIMEOUT after 20 ms: it waited',
  ]);
  expect(stepsFor({ tries: ['attempt 1 on 2-cpu-0 ended with ERR_WORKER_LOST'], attempts: 2 })).toEqual(
    expect.arrayContaining([
      'attempt 1 on 2-cpu-0 ended with ERR_WORKER_LOST',
      'waited 10 ms in the queue, from its first attempt on',
      'given to 1-cpu-0, its attempt 2',
    ]),
  );
  expect(stepsFor({ flags: kCached, given: 0 }).slice(-2)).toEqual([
    'an equal job was under way: it waited for the outputs of that one',
    'done after 20 ms',
  ]);
  expect(stepsFor({ flags: kOwn, given: 0, came: kNow, id: 'mine' }, 'mine').slice(1)).toEqual([
    '1-cpu-0, a context of its own process, was idle and took it at once',
    'took 3 ms of computing, 1 ms of moving data',
    'done after 20 ms',
  ]);
});

test('times read well', () => {
  expect([0.00123, 0.5, 12.34, 123.4, 9999, 12345, Infinity].map(timeText)).toEqual([
    '0.0012 ms',
    '0.5 ms',
    '12 ms',
    '123 ms',
    '9999 ms',
    '12.3 s',
    'without end',
  ]);
});
