// why() of an id that several jobs had, and what is said of a job that waits.
'use strict';
const { Follow } = require('../../../../lib/cluster/primary/follow');
const { CoordinatorJob } = require('../../../../lib/cluster/primary/job');
const { JobRing, at, detailsOf, kDetailed } = require('../../../../lib/cluster/journal');
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
