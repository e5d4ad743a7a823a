// Which job, which context, how many together: by example, criterion for criterion, and in a simulated cluster with
// failures.
'use strict';
const { fc, check, makeJob, makeContext, Simulation } = require('../../../support/simulation');
const {
  chooseJob,
  chooseContext,
  canRun,
  criteria,
  memberToEmpty,
} = require('../../../../lib/cluster/primary/scheduler');
const { joinLimit, companions, holdMs, ArrivalMeter } = require('../../../../lib/cluster/primary/batcher');

/** The id of the context chosen; the order in which contexts are given must not matter. */
function chosen(job, contexts, now = 0) {
  const ids = [contexts, [...contexts].reverse()].map((each) => chooseContext(job, each, now)?.id);
  expect(ids[0]).toBe(ids[1]);
  return ids[0];
}
const context = (id, fields) => makeContext({ id, ...fields });
const measured = (ms) => ({ speed: () => ms });
const cuda = (fields) => context('cuda', { type: 'cuda', ...fields });
const vulkan = (fields) => context('vulkan', { type: 'vulkan', canDraw: true, ...fields });
const cpu = (fields) => context('cpu', { type: 'cpu', ...fields });
const software = (fields) => context('software', { type: 'vulkan', software: true, canDraw: true, ...fields });
const full = { state: 'busy', pending: 4, room: 0 };

describe('canRun', () => {
  const cases = [
    ['an idle context', {}, {}, true],
    ['a busy context with room', { state: 'busy', pending: 3, room: 1 }, {}, true],
    ['a full context', { room: 0 }, {}, false],
    ['a full worker', { workerRoom: 0 }, {}, false],
    ['a lost context', { state: 'lost' }, {}, false],
    ['one that starts', { state: 'starting' }, {}, false],
    ['one that is closed', { state: 'closed' }, {}, false],
    ['just enough memory', { memoryFree: 100 }, { bytes: 100 }, true],
    ['too little memory', { memoryFree: 99 }, { bytes: 100 }, false],
    ['the type asked for', { type: 'cuda' }, { contextType: 'cuda' }, true],
    ['another type', { type: 'cpu' }, { contextType: 'cuda' }, false],
    ['a picture, and it can draw', { canDraw: true }, { kind: 'render' }, true],
    ['a picture, and it can not', { canDraw: false }, { kind: 'render' }, false],
    ['alone in an empty worker', { workerRunning: 0 }, { alone: true }, true],
    ['alone in an empty worker kept for it', { workerRunning: 0, workerRoom: 0 }, { alone: true }, true],
    ['alone in a worker that runs something', { workerRunning: 1 }, { alone: true }, false],
  ];
  test.each(cases)('%s', (_, fields, job, expected) =>
    expect(canRun(makeJob(job), makeContext(fields))).toBe(expected),
  );
});

describe('the criteria, in their order', () => {
  // For each, what is better and what is worse; where one decides, every later one is made to say the opposite.
  const job = { affinity: 9, inputs: [1, 2], workload: 5, bytes: 2 ** 20 };
  const pairs = {
    'can run it now': [{ workerRoom: 8 }, { workerRoom: 0 }],
    affinity: [{ affinities: new Set([9]) }, { affinities: new Set() }],
    'preference: the measured end, or else the kind of its work': [{ type: 'cuda' }, { type: 'cpu' }],
    'availability: idle': [{ state: 'idle' }, { state: 'busy' }],
    'availability: fewer pending': [{ pending: 1 }, { pending: 2 }],
    'resident data': [{ holds: (id) => id > 0 }, { holds: (id) => id === 1 }],
    'compiled program': [{ programs: new Set([5]) }, { programs: new Set([4]) }],
    'memory headroom': [{ memoryFree: 4 * 2 ** 20 }, { memoryFree: 3 * 2 ** 20 }],
    'worker load': [{ workerRunning: 1 }, { workerRunning: 2 }],
    'least recently used': [{ lastUsed: 10 }, { lastUsed: 20 }],
  };

  test('have the names of API order', () => expect(criteria.map(({ name }) => name)).toEqual(Object.keys(pairs)));

  test.each(criteria.map(({ name }, index) => [name, index]))('%s', (name, index) => {
    const [a, b] = [context('a'), context('b')];
    for (const { name: later } of criteria.slice(index + 1)) {
      Object.assign(a, pairs[later][1]);
      Object.assign(b, pairs[later][0]);
    }
    Object.assign(a, pairs[name][0]);
    Object.assign(b, pairs[name][1]);
    criteria.forEach(({ compare }, at) => {
      const order = Math.sign(compare(a, b, makeJob(job), 0));
      expect(order).toBe(at < index ? 0 : at === index ? -1 : 1);
      expect(Math.sign(compare(b, a, makeJob(job), 0)) + 0).toBe(-order + 0);
    });
    // b is full, but the home of the affinity: it is waited for
    expect(chosen(makeJob(job), [a, b])).toBe(index === 0 ? undefined : 'a');
  });
});

describe('chooseContext', () => {
  test('nothing to choose from', () => {
    expect(chosen(makeJob(), [])).toBeUndefined();
    expect(chosen(makeJob(), [cpu({ state: 'lost' }), cuda(full)])).toBeUndefined();
  });

  describe('the kind of work', () => {
    test.each(['vector', 'matrix', 'attention', 'search'])(
      '%s: CUDA, hardware Vulkan, CPU, software Vulkan',
      (kind) => {
        const contexts = [software(), cpu(), vulkan(), cuda()];
        for (const expected of ['cuda', 'vulkan', 'cpu', 'software']) {
          expect(chosen(makeJob({ kind }), contexts)).toBe(expected);
          contexts.pop();
        }
      },
    );
    test('render: what can draw, the card first', () => {
      expect(chosen(makeJob({ kind: 'render' }), [cuda(), cpu(), software(), vulkan()])).toBe('vulkan');
      expect(chosen(makeJob({ kind: 'render' }), [cuda(), cpu(), software()])).toBe('software');
      expect(chosen(makeJob({ kind: 'render' }), [cuda(), cpu()])).toBeUndefined();
    });
  });

  describe('measured speed', () => {
    test('replaces the fixed order once both sides have it', () => {
      expect(chosen(makeJob(), [cuda(measured(3)), cpu(measured(1))])).toBe('cpu');
      expect(chosen(makeJob(), [cuda(measured(3)), cpu()])).toBe('cuda');
      expect(chosen(makeJob(), [cuda(), cpu(measured(1))])).toBe('cuda');
    });
    test('of nearly the same leaves it to what comes after', () => {
      expect(
        chosen(makeJob(), [cuda(measured(1.02)), context('other', { type: 'cuda', ...measured(0.98), lastUsed: 5 })]),
      ).toBe('cuda');
    });
    test('a busy fast context beats an idle one ten times slower, until too much is ahead', () => {
      const slow = cpu(measured(10));
      expect(chosen(makeJob(), [cuda({ ...measured(1), state: 'busy', pending: 3, room: 1 }), slow])).toBe('cuda');
      expect(chosen(makeJob(), [cuda({ ...measured(1), state: 'busy', pending: 30, room: 9 }), slow])).toBe('cpu');
      expect(
        chosen(makeJob(), [cuda({ ...measured(1), state: 'busy', pending: 30, pendingMs: 0.5, room: 9 }), slow]),
      ).toBe('cuda');
      expect(
        chosen(makeJob(), [cuda({ ...measured(1), state: 'busy', pending: 1, pendingMs: 100, room: 9 }), slow]),
      ).toBe('cpu');
    });
    test('a full fast context is waited for while that gains time, and no longer', () => {
      const contexts = [cuda({ ...measured(1), ...full }), cpu(measured(10))];
      expect(chosen(makeJob(), contexts, 0)).toBeUndefined();
      expect(chosen(makeJob(), contexts, 4.9)).toBeUndefined();
      expect(chosen(makeJob(), contexts, 5.1)).toBe('cpu');
      expect(chosen(makeJob(), [cuda({ ...measured(1), ...full, pending: 12 }), cpu(measured(10))], 0)).toBe('cpu');
      expect(chosen(makeJob(), [cuda(full), cpu(measured(10))], 0)).toBe('cpu');
      expect(
        chosen(makeJob({ bytes: 100 }), [cuda({ ...measured(1), ...full, memoryFree: 50 }), cpu(measured(10))], 0),
      ).toBe('cpu');
    });
    test('of software Vulkan counts like any other', () =>
      expect(chosen(makeJob(), [software(measured(1)), cpu(measured(2))])).toBe('software'));
  });

  describe('software Vulkan', () => {
    const waited = { enqueued: 0 };
    test('is left alone while anything else can take the job one day', () => {
      expect(chosen(makeJob(waited), [software(), cpu(full)], 50)).toBeUndefined();
      expect(
        chosen(makeJob(waited), [software(), cpu({ state: 'starting', memoryFree: 0, room: 0 })], 50),
      ).toBeUndefined();
      expect(chosen(makeJob(waited), [software(measured(1)), cpu(full)], 50)).toBeUndefined();
    });
    test('takes it when the queue is long', () =>
      expect(chosen(makeJob(waited), [software(), cpu(full)], 51)).toBe('software'));
    test('but not when another has room', () =>
      expect(chosen(makeJob(waited), [software(), cpu({ state: 'busy', pending: 3, room: 1 })], 51)).toBe('cpu'));
    test('takes what nothing else can', () => {
      expect(chosen(makeJob(), [software(), cpu({ state: 'lost' })])).toBe('software');
      expect(chosen(makeJob({ bytes: 100 }), [software(), cpu({ memoryFree: 50 })])).toBe('software');
      expect(chosen(makeJob({ contextType: 'vulkan' }), [software(), cpu(), cuda()])).toBe('software');
    });
    test('waits for a card that can, too', () =>
      expect(chosen(makeJob({ contextType: 'vulkan' }), [software(), vulkan(full)])).toBeUndefined());
  });

  describe('affinity', () => {
    const home = { affinities: new Set([7]) };
    test('goes where it was, though others are better', () =>
      expect(chosen(makeJob({ affinity: 7 }), [cuda(), cpu(home)])).toBe('cpu'));
    test('waits while that is full', () =>
      expect(chosen(makeJob({ affinity: 7 }), [cuda(), cpu({ ...home, ...full })], 1e6)).toBeUndefined());
    test('waits for memory that will be free', () => {
      expect(
        chosen(makeJob({ affinity: 7, bytes: 100 }), [cuda(), cpu({ ...home, pending: 1, memoryFree: 50 })]),
      ).toBeUndefined();
      expect(chosen(makeJob({ affinity: 7, bytes: 100 }), [cuda(), cpu({ ...home, pending: 0, memoryFree: 50 })])).toBe(
        'cuda',
      );
    });
    test('moves when that is lost, or of the wrong type', () => {
      expect(chosen(makeJob({ affinity: 7 }), [cuda(), cpu({ ...home, state: 'lost' })])).toBe('cuda');
      expect(chosen(makeJob({ affinity: 7, contextType: 'cuda' }), [cuda(), cpu(home)])).toBe('cuda');
    });
    test('is no matter to other jobs', () =>
      expect(chosen(makeJob({ affinity: 8 }), [cuda(), cpu(home)])).toBe('cuda'));
  });

  describe('a member to avoid', () => {
    test('is avoided when another exists, even a worse or a full one', () => {
      expect(chosen(makeJob({ excluded: 1 }), [cuda({ member: 1 }), cpu({ member: 2 })])).toBe('cpu');
      expect(chosen(makeJob({ excluded: 1 }), [cuda({ member: 1 }), cpu({ member: 2, ...full })])).toBeUndefined();
      expect(
        chosen(makeJob({ excluded: 1, affinity: 7 }), [
          cuda({ member: 1, affinities: new Set([7]) }),
          cpu({ member: 2 }),
        ]),
      ).toBe('cpu');
    });
    test('is taken when there is no other', () => {
      expect(chosen(makeJob({ excluded: 1 }), [cuda({ member: 1 }), cpu({ member: 2, state: 'lost' })])).toBe('cuda');
      expect(chosen(makeJob({ excluded: 1, contextType: 'cuda' }), [cuda({ member: 1 }), cpu({ member: 2 })])).toBe(
        'cuda',
      );
    });
  });

  test('a job that has to be alone takes an empty worker; memberToEmpty names one to keep free', () => {
    const job = makeJob({ alone: true }),
      busy = (member, workerRunning) => cpu({ member, workerRunning });
    expect(chosen(job, [cuda({ workerRunning: 1 }), cpu()])).toBe('cpu');
    expect(chosen(job, [busy(1, 3), busy(2, 1)])).toBeUndefined();
    expect(memberToEmpty(job, [busy(1, 3), busy(2, 1), busy(3, 2)], 0)).toBe(2);
    expect(memberToEmpty({ ...job, excluded: 2 }, [busy(1, 3), busy(2, 1), busy(3, 2)], 0)).toBe(3);
    expect(memberToEmpty(job, [], 0)).toBe(-1);
  });

  test('ample memory is as good as more of it', () => {
    expect(
      chosen(makeJob(), [context('a', { memoryFree: 2 ** 33, lastUsed: 9 }), context('b', { memoryFree: 2 ** 30 })]),
    ).toBe('b');
  });
});

describe('chooseJob', () => {
  const requester = (turn, jumped = false) => ({ q_requester: { turn, jumped } });
  const cost = (jobs, now = 0) => chooseJob(jobs.map(makeJob), now)?.cost;
  test('of none', () => expect(cost([])).toBeUndefined());
  test('priority, then deadline, then turn, then age', () => {
    expect(
      cost([
        { cost: 1, deadline: 10 },
        { cost: 2, priority: 1 },
      ]),
    ).toBe(2);
    expect(
      cost([
        { cost: 1, ...requester(1) },
        { cost: 2, deadline: 10, ...requester(2) },
      ]),
    ).toBe(2);
    expect(
      cost([
        { cost: 1, ...requester(1) },
        { cost: 2, deadline: 10, ...requester(2, true) },
      ]),
    ).toBe(1);
    expect(
      cost([
        { cost: 1, ...requester(1) },
        { cost: 2, deadline: 51, ...requester(2) },
      ]),
    ).toBe(1);
    expect(
      cost([
        { cost: 1, ...requester(2), enqueued: -9 },
        { cost: 2, ...requester(1) },
      ]),
    ).toBe(2);
    expect(
      cost([
        { cost: 1, enqueued: 1 },
        { cost: 2, enqueued: 0 },
      ]),
    ).toBe(2);
    expect(cost([{ cost: 1 }, { cost: 2 }])).toBe(1);
  });
});

describe('joinLimit', () => {
  test.each([
    ['without a key', {}, 1],
    ['with one', { joinKey: 1 }, 64],
    ['that is large', { joinKey: 1, bytes: 2 ** 18 }, 4],
    ['beyond a megabyte', { joinKey: 1, bytes: 2 ** 21 }, 1],
    ['of no bytes', { joinKey: 1, bytes: 0 }, 64],
    ['that takes long', { joinKey: 1, cost: 0.2 }, 1],
    ['that has to be alone', { joinKey: 1, alone: true }, 1],
  ])('a job %s', (_, fields, limit) => expect(joinLimit(makeJob({ cost: 0.1, ...fields }), makeContext())).toBe(limit));
  test('a context short of memory', () =>
    expect(joinLimit(makeJob({ cost: 0.1, joinKey: 1 }), makeContext({ memoryFree: 10000 }))).toBe(2));
  test('companions: as many as fit in a megabyte, small ones only', () => {
    const fits = companions(makeJob({ joinKey: 1, cost: 0.1, bytes: 2 ** 19 }));
    const small = { joinKey: 1, cost: 0.1, bytes: 2 ** 18 };
    expect(
      [{ ...small, cost: 1 }, small, { ...small, bytes: 2 ** 19 }, small, small].map((fields) => fits(makeJob(fields))),
    ).toEqual([false, true, false, true, false]);
  });
});

describe('holdMs', () => {
  const job = makeJob({ joinKey: 1, cost: 0.1, enqueued: 100 });
  const hold = (fields) =>
    holdMs({ now: 100, job, queued: 1, arrivalMs: 0.01, launchMs: 0.4, slackMs: Infinity, ...fields });
  test('for as long as the missing ones take to come', () => expect(hold()).toBeCloseTo(0.63));
  test('at most two launches, at most 1 ms', () => {
    expect(hold({ launchMs: 0.1 })).toBeCloseTo(0.2);
    expect(hold({ launchMs: 10, arrivalMs: 0.5 })).toBe(1);
  });
  test('a deadline only shortens it', () => {
    expect(hold({ slackMs: 1e6 })).toBe(hold());
    expect(hold({ slackMs: 5 })).toBeCloseTo(0.5);
    for (const slackMs of [0, -1, -Infinity, NaN, undefined]) expect(hold({ slackMs })).toBe(0);
  });
  test('not when nobody is expected in time, or slower than they can be launched one by one', () => {
    expect(hold({ arrivalMs: Infinity })).toBe(0);
    expect(hold({ arrivalMs: 0.5 })).toBe(0);
    expect(hold({ arrivalMs: NaN })).toBe(0);
  });
  test('not when enough are there, or none can join', () => {
    expect(hold({ queued: 63 })).toBeCloseTo(0.01);
    expect(hold({ queued: 64 })).toBe(0);
    expect(hold({ job: makeJob({ cost: 0.1 }) })).toBe(0);
  });
  test('from when the job came in: asking again does not prolong it', () => {
    expect(hold({ now: 100.3 })).toBeCloseTo(0.5);
    expect(hold({ now: 100.81 })).toBe(0);
    expect(hold({ now: 200 })).toBe(0);
  });
  test('never beyond its bounds, and never longer for less slack', () => {
    const ms = fc.double({ min: 0, max: 20, noNaN: true });
    const slack = fc.double({ min: -5, max: 50, noNaN: true }),
      count = fc.integer({ min: 1, max: 80 });
    check(
      fc.property(ms, ms, slack, ms, count, ms, (arrivalMs, launchMs, slackMs, more, queued, age) => {
        const state = { arrivalMs, launchMs, queued, now: 100 + age };
        const held = hold({ ...state, slackMs });
        expect(held).toBeGreaterThanOrEqual(0);
        expect(held).toBeLessThanOrEqual(Math.max(0, Math.min(1, 2 * launchMs, slackMs / 10)));
        expect(hold({ ...state, slackMs: slackMs + more })).toBeGreaterThanOrEqual(held);
        if (held > 0) expect(arrivalMs).toBeLessThanOrEqual(launchMs);
      }),
      300,
    );
  });
});

describe('ArrivalMeter', () => {
  const noted = (times, key = 1) => {
    const meter = new ArrivalMeter();
    for (const time of times) meter.note(key, time);
    return meter;
  };
  const every = (ms, count) => Array.from({ length: count }, (_, i) => i * ms);
  test('knows nothing before the second arrival', () => {
    expect(noted([]).interval(1, 0)).toBe(Infinity);
    expect(noted([5]).interval(1, 5)).toBe(Infinity);
    expect(noted([5, 7]).interval(1, 7)).toBe(2);
    expect(noted([5, 7]).interval(2, 7)).toBe(Infinity);
  });
  test('follows a change of pace', () => {
    expect(noted(every(0.5, 50)).interval(1, 24.5)).toBeCloseTo(0.5);
    expect(noted([...every(5, 50), ...every(0.5, 50).map((time) => 250 + time)]).interval(1, 274.5)).toBeLessThan(0.6);
  });
  test('a pause is forgotten as soon as a short one', () => {
    expect(noted([0, 1e6, ...every(0.1, 40).map((time) => 1e6 + 1 + time)]).interval(1, 1e6 + 4.9)).toBeLessThan(0.2);
  });
  test('silence counts', () => expect(noted(every(1, 10)).interval(1, 59)).toBe(50));
  test('forgets the keys longest unseen', () => {
    const meter = new ArrivalMeter();
    for (let i = 0; i < 5000; ++i) {
      meter.note(i, i);
      meter.note(0, i);
      if (i > 0) expect(meter.interval(0, i)).toBeLessThan(1.1);
    }
    expect(meter.keys.size).toBe(1024);
    expect(meter.interval(17, 4999)).toBe(Infinity);
  });
});

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
