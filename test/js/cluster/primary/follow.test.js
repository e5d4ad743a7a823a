// why() of an id that several jobs had, and what is said of a job that waits.
'use strict';
const { Follow } = require('../../../../lib/cluster/primary/follow');
const { EndedJobs } = require('../../../../lib/cluster/primary/ended-jobs');
const { Waiting } = require('../../../../lib/cluster/primary/waiting');
const { CoordinatorJob } = require('../../../../lib/cluster/primary/job');
const { JobRing, at, detailsOf, kDetailed, kWaits } = require('../../../../lib/cluster/journal');
const { countedNames } = require('../../../../lib/call');
const protocol = require('../../../../lib/cluster/wire/protocol');

const { ask } = protocol;
const kNow = 1000;
const requester = { slot: 1, serial: 1, workerId: 1 };

/** A job in a coordinator's books. */
function makeJob(asked, id, type = 'matmul') {
  const message = protocol.begin(protocol.kAsk, ask.body + 1);
  message[ask.number] = asked;
  message[ask.asked] = asked;
  message[ask.workload] = countedNames.indexOf(type);
  const job = new CoordinatorJob(requester, message, 0, asked);
  job.id = id;
  return job;
}

/** What follows the jobs that are under way and those that ended. */
function makeFollow(live, ended) {
  const ring = new JobRing(4);
  for (const { asked, id, counted } of ended) {
    const start = ring.next() * at.numbers;
    ring.details[start / at.numbers] = detailsOf(id, undefined, undefined);
    ring.numbers[start + at.asked] = asked;
    ring.numbers[start + at.counted] = counted;
    ring.numbers[start + at.waits] = kDetailed;
  }
  return new Follow({
    coordinator: {
      queue: { forEach: (each) => live.forEach(each) },
      assignments: { running: new Map() },
      ended: ring,
    },
    contexts: () => [],
    members: () => [],
  });
}

const told = async (live, ended) => (await makeFollow(live, ended).why('twice'))[0];

test('of a job under way and one that ended with the same id that one is told which was asked for later', async () => {
  const early = makeJob(kNow, 'twice', 'matmul');
  const later = makeJob(kNow + 5, 'twice', 'normalize');
  expect(await told([early], [later])).toMatch(/: normalize\b/);
  expect(await told([later], [early])).toMatch(/: normalize\b/);
  expect(await told([later, early], [])).toMatch(/: normalize\b/);
});

test('what a process leaves out of its answer is told in the log', async () => {
  const said = [];
  const member = { workerId: 4, asked: new Map(), ownJobs: [], ask: {} };
  const follow = new Follow({
    coordinator: { queue: { forEach() {} }, assignments: { running: new Map() } },
    contexts: () => [],
    members: () => [member],
    log: { warn: (...line) => said.push(line) },
  });
  let answer = { jobs: [{ number: 1, id: 'a' }], leftOut: 3 };
  member.say = ({ number }) => follow.onAnswer(member, { type: 'followed', number, isFull: false, ...answer });
  expect(await follow.jobs()).toEqual([{ id: 'a' }]);
  expect(said).toEqual([[{ worker: 4 }, 'jobs() leaves out 3 jobs of worker 4, which has more than it tells of']]);
  answer = { jobs: [{ number: 1, id: 'a' }] };
  await follow.jobs();
  expect(said).toHaveLength(1);
});

test('of the context that an ended job waited for its name is kept, for as long as the record', () => {
  const ended = new EndedJobs();
  ended.ring = new JobRing(1);
  const waited = makeJob(kNow, 'a');
  waited.refused({ wait: kWaits.busy, context: { id: '2-cpu-0' } });
  ended.note(waited, { contextId: '1-cpu-0' }, new Float64Array(0), 0, kNow + 1);
  expect(ended.ring.waitedFor).toEqual(['2-cpu-0']);
  expect(ended.find('a').waitedFor).toBe('2-cpu-0');
  ended.note(makeJob(kNow, 'b'), { contextId: '1-cpu-0' }, new Float64Array(0), 0, kNow + 1);
  expect(ended.ring.waitedFor).toEqual([undefined]);
});

const kFull = {
  id: '1-cpu-0',
  workerId: 1,
  member: 1,
  state: 'busy',
  type: 'cpu',
  software: false,
  owner: { inProcess: false, takesJobs: true },
  takesJobs: true,
  affinities: new Set(),
  pending: 0,
  room: 0,
  workerRoom: 1,
  workerRunning: 0,
  ownMs: 0,
  usedAt: kNow,
  progressAt: kNow,
  home: 3,
  memoryFree: 1e9,
  speed: () => 1,
};

test('a part waits for the context that it was cut for, which need not be the only one', () => {
  const free = { ...kFull, id: '2-cpu-0', workerId: 2, member: 2, state: 'idle', room: 4, home: 4 };
  const waiting = new Waiting([kFull, free], [], kNow);
  const part = Object.assign(makeJob(kNow, 'a/1'), { home: 3 });
  expect(waiting.reason(part, 0)).toMatch(/^waits: 1-cpu-0, which this part was cut for, is busy/);
});

test('parts tell no progress: their requester gave no such ids', () => {
  const context = { id: '1-cpu-0', progressOf: () => ({ done: 1, total: 2 }) };
  const [job, part] = [makeJob(kNow, 'a'), makeJob(kNow + 1, 'b/1')].map((each) => Object.assign(each, { context }));
  part.home = 3;
  const asked = new Map([job, part].map((each) => [each.askNumber, each]));
  expect(
    makeFollow([], [])
      .progress({ asked })
      .map(({ id }) => id),
  ).toEqual(['a']);
});

test('a context that gets full while it is looked at leaves a job with none', () => {
  let looks = 0;
  const context = {
    ...kFull,
    get memoryFree() {
      return ++looks > 3 ? -1 : 1e9;
    },
  };
  const waiting = new Waiting([context], [], kNow);
  expect(waiting.reason(makeJob(kNow, 'a'), 0)).toBe('waits: no context that may take it is open');
});
