// Which job next and on which context: by example, criterion for criterion.
'use strict';
const { makeJob, makeContext } = require('../../../support/simulation');
const { chooseJob } = require('../../../../lib/cluster/primary/job-order');
const { chooseContext, canRun, criteria, memberToEmpty } = require('../../../../lib/cluster/primary/scheduler');

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
  const job = { affinity: 9, inputs: [1, 2], workload: 5, bytes: 2 ** 20, node: 1 };
  const holders = [context('holder', { deviceId: 'cuda:9', holds: () => true, ...full })];
  const pairs = {
    'can run it now': [{ workerRoom: 8 }, { workerRoom: 0 }],
    affinity: [{ affinities: new Set([9]) }, { affinities: new Set() }],
    'preference: the measured end, or else the kind of its work': [{ type: 'cuda' }, { type: 'cpu' }],
    'availability: idle': [{ state: 'idle' }, { state: 'busy' }],
    'availability: fewer pending': [{ pending: 1 }, { pending: 2 }],
    'resident data': [{ holds: (id) => id > 0 }, { holds: (id) => id === 1 }],
    'near the data': [{ linked: ['cuda:9'] }, { linked: [] }],
    'near the asking process': [{ node: 1 }, { node: 0 }],
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
      const order = Math.sign(compare(a, b, makeJob(job), 0, holders));
      expect(order).toBe(at < index ? 0 : at === index ? -1 : 1);
      expect(Math.sign(compare(b, a, makeJob(job), 0, holders)) + 0).toBe(-order + 0);
    });
    // b is full, but the home of the affinity: it is waited for
    expect(chosen(makeJob(job), [a, b, ...holders])).toBe(index === 0 ? undefined : 'a');
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

  describe('a part of a split job', () => {
    const card = (id, home, fields) => vulkan({ id, home, device: { id: 'vulkan:0' }, ...fields });
    const part = { home: 3, cost: 10 };

    test('goes to the context that it is meant for, though others are better', () => {
      const contexts = [cuda({ home: 1 }), cpu({ home: 2 }), cpu({ id: 'meant', home: 3, pending: 2, state: 'busy' })];
      expect(chosen(makeJob(part), contexts)).toBe('meant');
      expect(chosen(makeJob({ cost: 10 }), contexts)).toBe('cuda');
    });
    test('or to another one of that card', () => {
      const other = card('other', 4);
      expect(chosen(makeJob(part), [card('meant', 3, full), other, cuda({ home: 1 })])).toBe('other');
      expect(chosen(makeJob(part), [card('meant', 3, full), { ...other, device: { id: 'vulkan:1' } }])).toBeUndefined();
    });
    test('waits there for twice as long as it takes, then goes wherever there is room', () => {
      const contexts = [cpu({ id: 'meant', home: 3, ...full, ...measured(0.5) }), cpu({ id: 'free', home: 4 })];
      expect(chosen(makeJob(part), contexts, 10)).toBeUndefined();
      expect(chosen(makeJob(part), contexts, 10.1)).toBe('free');
    });
    test('a card that nothing was measured of is taken to be as fast as it was when the job was cut', () => {
      const contexts = [card('meant', 3, full), cuda({ id: 'free', home: 4 })];
      expect(chosen(makeJob({ ...part, cost: 1000 }), contexts, 100)).toBeUndefined();
      expect(chosen(makeJob({ ...part, cost: 1000 }), contexts, 100.1)).toBe('free');
    });
    test('goes elsewhere when it has gone, was lost, or is to be avoided', () => {
      const free = cpu({ id: 'free', home: 4, member: 4 });
      expect(chosen(makeJob(part), [free])).toBe('free');
      expect(chosen(makeJob(part), [free, cpu({ home: 3, state: 'lost' })])).toBe('free');
      expect(chosen(makeJob({ ...part, excluded: 3 }), [free, cpu({ home: 3, member: 3 })])).toBe('free');
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

  describe("a process's own job", () => {
    const own = (ms, fields) => ({ state: 'busy', pending: 1, pendingMs: ms, ownMs: ms, ...fields });
    test('that is soon over is nothing to wait for', () =>
      expect(chosen(makeJob(), [cpu(own(0.5)), cuda(full)])).toBe('cpu'));
    test('that is longer is not queued behind, where there is another context', () => {
      expect(chosen(makeJob(), [cuda(own(6)), cpu()])).toBe('cpu');
      expect(chosen(makeJob(), [cuda(own(6)), cpu(full)], 11)).toBeUndefined();
      expect(chosen(makeJob(), [cuda(own(6)), cpu(own(7))], 11)).toBeUndefined();
      expect(chosen(makeJob(), [cuda(own(6))])).toBe('cuda');
    });
    test('is waited for no more than twice as long as it takes', () =>
      expect(chosen(makeJob(), [cuda(own(6)), cpu(full)], 12)).toBe('cuda'));
    test('gives software Vulkan its turn, where all others have one', () => {
      const other = context('other', { type: 'cpu', ...own(900) });
      expect(chosen(makeJob(), [software(), cpu(own(900)), other], 50)).toBeUndefined();
      expect(chosen(makeJob(), [software(), cpu(own(900)), other], 51)).toBe('software');
      expect(chosen(makeJob(), [software(), cpu(own(900))], 51)).toBe('cpu');
    });
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
