// Queue, scheduler and batcher together: a simulated cluster with failures, whose every job is settled exactly once.
'use strict';
const { fc, check, makeJob, makeContext, Simulation } = require('../../../support/simulation');
const { chooseContext, canRun } = require('../../../../lib/cluster/primary/scheduler');

const someContext = fc
  .record({
    member: fc.integer({ min: 0, max: 2 }),
    kind: fc.constantFrom('cuda', 'vulkan', 'cpu', 'cpu', 'software'),
    memory: fc.constantFrom(2 ** 20, 2 ** 24, 2 ** 30),
    trueSpeed: fc.constantFrom(0.2, 1, 5),
    measured: fc.boolean(),
  })
  .map(({ kind, ...rest }) => {
    const isSoftware = kind === 'software',
      type = isSoftware ? 'vulkan' : kind;
    return { ...rest, type, software: isSoftware, canDraw: type === 'vulkan' };
  });

const someJob = fc.record({
  at: fc.nat({ max: 150 }),
  requester: fc.integer({ min: 1, max: 4 }),
  priority: fc.integer({ min: -3, max: 3 }),
  timeout: fc.constantFrom(Infinity, Infinity, 0, 8, 60, 300),
  kind: fc.constantFrom('vector', 'matrix', 'render'),
  contextType: fc.constantFrom('', '', '', 'cuda', 'vulkan', 'cpu'),
  affinity: fc.constantFrom(0, 0, 0, 1, 2),
  cost: fc.constantFrom(0.05, 0.1, 1, 10),
  bytes: fc.constantFrom(0, 4096, 2 ** 18, 2 ** 23, 2 ** 25),
  alone: fc.constantFrom(false, false, false, false, true),
  joinKey: fc.constantFrom(0, 1, 1, 2),
});

const someTrouble = fc.record({
  at: fc.nat({ max: 300 }),
  member: fc.integer({ min: 0, max: 2 }),
  downMs: fc.integer({ min: 0, max: 100 }),
});

const someCancel = fc.record({ at: fc.nat({ max: 200 }), pick: fc.nat() });

describe('a simulated cluster', () => {
  test('every job is settled exactly once, within every bound, whatever fails', () => {
    const seen = {};
    check(
      fc.property(
        fc.array(someContext, { minLength: 1, maxLength: 6 }),
        fc.array(someJob, { minLength: 1, maxLength: 60, size: 'max' }),
        fc.array(someTrouble, { maxLength: 6 }),
        fc.array(someCancel, { maxLength: 6 }),
        fc.constantFrom(5, 1000),
        (contexts, jobs, troubles, cancels, limit) => {
          const simulation = new Simulation({ contexts, limit });
          const made = jobs.map(({ at, timeout, ...fields }) => {
            const job = makeJob({ ...fields, enqueued: at, deadline: at + timeout });
            simulation.at(at, () => simulation.submit(job));
            return job;
          });
          for (const { at, member, downMs } of troubles) simulation.at(at, () => simulation.kill(member, downMs));
          for (const { at, pick } of cancels) simulation.at(at, () => simulation.cancel(made[pick % made.length]));
          simulation.run();
          expect(simulation.settled.size).toBe(made.length);
          for (const outcome of simulation.settled.values()) seen[outcome] = (seen[outcome] ?? 0) + 1;
          for (const { jobs: joined } of simulation.batches)
            if (joined.length > 1) seen.joined = (seen.joined ?? 0) + 1;
        },
      ),
      250,
    );
    for (const what of ['done', 'expired', 'canceled', 'failed', 'refused', 'impossible', 'joined'])
      expect([what, seen[what] > 0]).toEqual([what, true]);
  });

  test('with a context fit for everything, nothing is impossible and nothing waits for ever', () => {
    const someJobs = fc.array(someJob, { minLength: 1, maxLength: 40, size: 'max' });
    const fit = { software: false, canDraw: true, memory: 2 ** 30, trueSpeed: 1, measured: true };
    check(
      fc.property(fc.array(someContext, { maxLength: 3 }), someJobs, (contexts, jobs) => {
        const able = ['cuda', 'vulkan', 'cpu'].map((type, member) => ({ ...fit, member, type }));
        const simulation = new Simulation({ contexts: [...contexts, ...able], limit: 1000 });
        for (const { at, timeout, ...fields } of jobs) {
          void timeout;
          const job = makeJob({ ...fields, enqueued: at });
          simulation.at(at, () => simulation.submit(job));
        }
        simulation.run();
        expect([...simulation.settled.values()].filter((outcome) => outcome !== 'done')).toEqual([]);
        const work = jobs.reduce((sum, { cost }) => sum + cost, 0);
        // the slowest, three at once, and the ticks
        expect(simulation.now).toBeLessThanOrEqual(150 + 100 + 5 * 3 * work + 10 * jobs.length);
      }),
      120,
    );
  });

  test('any choice is a fit one, and none is given only when there is a reason to wait', () => {
    const view = fc.record({
      state: fc.constantFrom('idle', 'busy', 'busy', 'lost', 'starting'),
      pending: fc.nat({ max: 4 }),
      room: fc.nat({ max: 2 }),
      workerRoom: fc.nat({ max: 3 }),
      workerRunning: fc.nat({ max: 2 }),
      lastUsed: fc.nat({ max: 5 }),
    });
    const views = fc.array(fc.tuple(someContext, view), { maxLength: 8 });
    check(
      fc.property(
        views,
        someJob,
        fc.integer({ min: -1, max: 2 }),
        fc.nat({ max: 200 }),
        (pairs, fields, excluded, now) => {
          const contexts = pairs.map(([each, more], index) =>
            makeContext({
              ...each,
              ...more,
              id: `c${index}`,
              memoryFree: each.memory,
              speed: () => (each.measured ? each.trueSpeed : undefined),
            }),
          );
          const job = makeJob({ ...fields, excluded, enqueued: 0 });
          const choice = chooseContext(job, contexts, now);
          if (choice) expect(canRun(job, choice)).toBe(true);
          const hardware = contexts.filter((each) => !each.software && canRun(job, each) && each.member !== excluded);
          if (!job.affinity && now >= 150 && hardware.length) expect(choice).toBeDefined();
        },
      ),
      300,
    );
  });
});
