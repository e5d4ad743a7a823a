// The queue of the coordinator: its bound, its order, what leaves it and when; by example, and by random jobs against a
// naive model.
'use strict';
const { fc, check, makeJob } = require('../../../support/simulation');
const { JobQueue } = require('../../../../lib/cluster/primary/queue');
const { chooseJob, compareAged, effectivePriority, kUrgentMs } = require('../../../../lib/cluster/primary/scheduler');

const yes = () => true;
const filled = (...jobs) => {
  const queue = new JobQueue({ limit: 1000 });
  for (const fields of jobs) queue.push(makeJob(fields));
  return queue;
};

/** Takes jobs out the way the coordinator does; gives what each had in the field. */
function drain(queue, field, now = 0, most = Infinity) {
  const order = [];
  for (let job; order.length < most && (job = queue.next(now, yes)); queue.takeMatching(job, 1, yes))
    order.push(job[field]);
  return order;
}

describe('the bound', () => {
  test('is exact, and a refusal changes nothing', () => {
    const queue = new JobQueue({ limit: 3 });
    expect([1, 2, 3, 4, 5].map((cost) => queue.push(makeJob({ cost, deadline: cost })))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(queue.size).toBe(3);
    expect(queue.nextDeadline()).toBe(1);
    queue.remove(queue.next(0, yes));
    expect(queue.size).toBe(2);
    expect(queue.push(makeJob({ cost: 6 }))).toBe(true);
    expect(queue.push(makeJob())).toBe(false);
    expect(drain(queue, 'cost')).toEqual([2, 3, 6]);
  });

  test('what was admitted before comes back over it, and counts', () => {
    const queue = new JobQueue({ limit: 1 });
    const job = makeJob();
    queue.push(job);
    expect(queue.takeMatching(job, 1, yes)).toEqual([job]);
    expect(queue.push(makeJob({ number: 77 }))).toBe(true);
    queue.requeue(job);
    expect(queue.size).toBe(2);
    expect(queue.push(makeJob())).toBe(false);
    expect(drain(queue, 'number')).toEqual([job.number, 77]);
  });

  test('what comes back is at the front of its class, and moves that up', () => {
    const queue = filled(
      { kind: 'matrix', enqueued: 0, cost: 1 },
      { kind: 'vector', enqueued: 5, cost: 2 },
      { kind: 'matrix', enqueued: 9, cost: 3 },
      { kind: 'search', enqueued: 7, cost: 4 },
    );
    const first = queue.next(10, yes);
    queue.takeMatching(first, 1, yes);
    queue.requeue(first);
    expect(drain(queue, 'cost', 10)).toEqual([1, 2, 4, 3]);
  });

  test('a job is never inside twice', () => {
    const queue = new JobQueue({ limit: 5 }),
      job = makeJob();
    queue.push(job);
    expect(() => queue.push(job)).toThrow(/queued already/);
    expect(() => queue.requeue(job)).toThrow(/queued already/);
    expect(queue.size).toBe(1);
  });

  test('a limit of 0 refuses everything', () => {
    expect(new JobQueue({ limit: 0 }).push(makeJob())).toBe(false);
  });
});

describe('the order', () => {
  test('first in, first out', () =>
    expect(drain(filled({ cost: 1 }, { cost: 2 }, { cost: 3 }), 'cost')).toEqual([1, 2, 3]));

  test('the higher priority first, clamped to 1000', () => {
    expect(drain(filled({ priority: -1 }, { priority: 5 }, { priority: 0 }), 'priority')).toEqual([5, 0, -1]);
    expect(
      drain(
        filled({ priority: 1000 }, { priority: 5000 }, { priority: -Infinity }, { priority: -1000 }, { priority: NaN }),
        'priority',
      ),
    ).toEqual([1000, 5000, NaN, -Infinity, -1000]);
  });

  test('50 ms of waiting make up for one step of priority', () => {
    expect(drain(filled({ priority: 0, enqueued: 0 }, { priority: 2, enqueued: 99 }), 'priority')).toEqual([2, 0]);
    expect(
      drain(
        filled({ priority: 0, enqueued: 0 }, { priority: 2, enqueued: 101 }, { priority: 0, enqueued: 101 }),
        'enqueued',
        101,
        1,
      ),
    ).toEqual([0]);
    const quick = new JobQueue({ limit: 9, agingMs: 10 });
    quick.push(makeJob({ priority: 0, enqueued: 0 }));
    quick.push(makeJob({ priority: 2, enqueued: 21 }));
    expect(drain(quick, 'priority', 21)).toEqual([0, 2]);
  });

  test('a near deadline goes first among equals, wherever it stands, but not before a higher priority', () => {
    const jobs = [
      { cost: 1 },
      { cost: 2, deadline: 1000 },
      { cost: 3, deadline: 40 },
      { cost: 4, deadline: 30 },
      { cost: 5, priority: 1 },
    ];
    expect(drain(filled(...jobs), 'cost')).toEqual([5, 4, 1, 3, 2]); // 4 jumps; 3 would be the second jump in a row
    expect(drain(filled(...jobs), 'cost', 45, 2)).toEqual([5, 1]); // what is overdue does not
  });

  test('requesters take turns', () => {
    const queue = filled(...[1, 1, 1, 1, 2, 2, 3].map((requester) => ({ requester })));
    expect(drain(queue, 'requester')).toEqual([1, 2, 3, 1, 2, 1, 1]);
  });

  test('a flood of a requester delays another by one job, an aged flood too, and a higher priority by none', () => {
    const queue = new JobQueue({ limit: 20000 });
    for (let i = 0; i < 10000; ++i) queue.push(makeJob({ requester: 1 }));
    drain(queue, 'requester', 0, 100);
    queue.push(makeJob({ requester: 2, enqueued: 30000 }));
    expect(drain(queue, 'requester', 30000, 2)).toContain(2);
    queue.push(makeJob({ requester: 3, enqueued: 30000, priority: 5 }));
    expect(drain(queue, 'requester', 30000, 1)).toEqual([3]);
    queue.push(makeJob({ requester: 3, enqueued: 30001, priority: 0 }));
    expect(drain(queue, 'requester', 30001, 2)).toContain(3);
  });

  test('a job that can run nowhere lifts nobody of its priority over a higher one', () => {
    const queue = filled(
      { contextType: 'cuda' },
      { enqueued: 9000, cost: 2 },
      { enqueued: 9000, cost: 3, priority: 1 },
    );
    expect(queue.next(9000, ({ contextType }) => contextType !== 'cuda').cost).toBe(3);
  });

  test('the head of a class that does not fit does not hold up other classes, and is asked for once', () => {
    const queue = filled({ kind: 'render' }, { kind: 'render' }, { kind: 'matrix' }, { kind: 'search', requester: 2 });
    const asked = [];
    expect(queue.next(0, ({ kind }) => asked.push(kind) && kind === 'search').kind).toBe('search');
    expect(asked).toEqual(['render', 'matrix', 'search']);
    expect(queue.next(0, () => false)).toBeUndefined();
    expect(queue.size).toBe(4);
  });

  test('a large job that fits nowhere holds up no smaller one', () => {
    const queue = filled({ bytes: 2 ** 28 }, { bytes: 2 ** 25 }, { bytes: 5 });
    expect(queue.next(0, ({ bytes }) => bytes < 2 ** 26).bytes).toBe(2 ** 25);
    expect(queue.next(0, ({ bytes }) => bytes < 2 ** 25).bytes).toBe(5);
  });

  test('an urgent job that does not fit leaves its class its turn', () => {
    const queue = filled({ requester: 1 }, { requester: 2, enqueued: 1 });
    drain(queue, 'requester', 0, 1);
    queue.push(makeJob({ requester: 1, enqueued: -1 }));
    queue.push(makeJob({ requester: 2, enqueued: 1, deadline: 20, bytes: 2 ** 19 }));
    expect(queue.next(1, ({ bytes }) => bytes < 2 ** 19).requester).toBe(2);
  });

  test('the last call of fits is the one for the job returned', () => {
    const queue = filled({ requester: 1 }, { requester: 2, kind: 'render' });
    drain(queue, 'requester', 0, 1);
    queue.push(makeJob({ requester: 1, enqueued: -50 })); // the oldest, while it is the turn of requester 2
    let last;
    const job = queue.next(0, (each) => (last = each).kind !== 'render');
    expect(job.requester).toBe(1);
    expect(last).toBe(job);
  });
});

describe('what leaves', () => {
  test('remove: first, middle, last, only, twice, never inside', () => {
    const queue = new JobQueue({ limit: 9 });
    const jobs = [1, 2, 3, 4, 5].map((cost) => makeJob({ cost, joinKey: 7, deadline: 100 * cost }));
    for (const job of jobs) queue.push(job);
    for (const at of [0, 2, 4]) expect(queue.remove(jobs[at])).toBe(true);
    expect(queue.remove(jobs[2])).toBe(false);
    expect(queue.remove(makeJob())).toBe(false);
    expect(new JobQueue({ limit: 9 }).remove(jobs[1])).toBe(false);
    expect(queue.size).toBe(2);
    expect(queue.nextDeadline()).toBe(200);
    expect(queue.takeMatching(jobs[1], 9, yes).map(({ cost }) => cost)).toEqual([2, 4]);
    expect(queue.size).toBe(0);
    expect(queue.next(0, yes)).toBeUndefined();
    expect(queue.nextDeadline()).toBe(Infinity);
    queue.push(jobs[0]);
    expect(queue.remove(jobs[0])).toBe(true);
    expect(queue.size).toBe(0);
  });

  test('remove of what next has offered counts as a turn, a cancellation does not', () => {
    const queue = filled({ requester: 1 }, { requester: 1 }, { requester: 1 }, { requester: 2 }, { requester: 2 });
    queue.remove(queue.next(0, yes));
    expect(queue.next(0, yes).requester).toBe(2);
    const fresh = filled({ requester: 1 }, { requester: 1, cost: 2 }, { requester: 2 });
    const [second] = fresh.removeWhere(({ cost }) => cost === 2);
    fresh.push(second);
    fresh.remove(second);
    expect(fresh.next(0, yes).requester).toBe(1);
  });

  test('expired: all that are due, in order of their deadlines, and no others', () => {
    const queue = filled({ deadline: 30 }, { deadline: 10 }, {}, { deadline: 20, requester: 2 }, { deadline: 21 });
    expect(queue.nextDeadline()).toBe(10);
    expect(queue.expired(9.99)).toEqual([]);
    expect(queue.expired(20).map(({ deadline }) => deadline)).toEqual([10, 20]);
    expect(queue.nextDeadline()).toBe(21);
    expect(queue.expired(1e9).map(({ deadline }) => deadline)).toEqual([21, 30]);
    expect(queue.size).toBe(1);
  });

  test('requesters that come and go leave those that wait alone', () => {
    const queue = new JobQueue({ limit: 9 }),
      job = makeJob({ requester: -1 });
    queue.push(job);
    for (let requester = 0; requester < 3000; ++requester) {
      const other = makeJob({ requester, priority: 1 });
      queue.push(other);
      queue.takeMatching(other, 1, yes);
    }
    expect(queue.next(0, yes)).toBe(job);
    expect(queue.remove(job)).toBe(true);
  });

  test('removeWhere', () => {
    const queue = filled({ requester: 1 }, { requester: 2 }, { requester: 1, kind: 'matrix' }, { requester: 3 });
    expect(queue.removeWhere(({ requester }) => requester === 1).length).toBe(2);
    expect(drain(queue, 'requester')).toEqual([2, 3]);
  });

  test('oldestAge', () => {
    const queue = filled({ enqueued: 50, priority: 9 }, { enqueued: 20 }, { enqueued: 70 });
    expect(queue.oldestAge(100)).toBe(80);
    queue.removeWhere(({ enqueued }) => enqueued === 20);
    expect(queue.oldestAge(100)).toBe(50);
    drain(queue, 'cost');
    expect(queue.oldestAge(100)).toBe(0);
  });

  test('retryAfter: longer for a slow queue, not past the next deadline, always 1 to 60000', () => {
    const queue = filled(...Array(320).fill({}));
    const full = (fields) => {
      const small = new JobQueue({ limit: 320 });
      for (let i = 0; i < 320; ++i) small.push(makeJob(fields));
      return small;
    };
    expect(full().retryAfter(0, 1000)).toBe(20);
    expect(full().retryAfter(0, 100)).toBe(200);
    expect(full().retryAfter(0, 1e9)).toBe(1);
    expect(full().retryAfter(0, 1e-6)).toBe(60000);
    expect(full({ deadline: 90 }).retryAfter(0, 1e-6)).toBe(90);
    expect(full({ deadline: 90 }).retryAfter(200, 1e-6)).toBe(1);
    for (const unknown of [0, NaN, undefined, -1]) expect(queue.retryAfter(0, unknown)).toBe(1000);
  });
});

describe('a batch', () => {
  const queue = () =>
    filled(
      { joinKey: 1, cost: 1 },
      { joinKey: 2, cost: 2 },
      { joinKey: 1, cost: 3, requester: 2 },
      { cost: 4 },
      { joinKey: 1, cost: 5, priority: 3 },
      { joinKey: 1, cost: 6, alone: true },
      { joinKey: 1, cost: 7, affinity: 4 },
      { joinKey: 1, cost: 8 },
    );
  const first = (from) => from.next(0, ({ cost }) => cost === 1);
  const costs = (jobs) => jobs.map(({ cost }) => cost);

  test('is of one key, context type and affinity, of any requester and priority, oldest first', () => {
    const from = queue();
    expect(costs(from.takeMatching(first(from), 64, yes))).toEqual([1, 3, 5, 8]);
    expect(from.size).toBe(4);
    expect(from.removeWhere(yes).length).toBe(4);
  });
  test('has at most so many', () => {
    const from = queue();
    expect(costs(from.takeMatching(first(from), 2, yes))).toEqual([1, 3]);
    expect(
      costs(
        from.takeMatching(
          from.next(0, ({ cost }) => cost === 5),
          1,
          yes,
        ),
      ),
    ).toEqual([5]);
  });
  test('has what matches', () => {
    const from = queue();
    expect(costs(from.takeMatching(first(from), 64, ({ requester }) => requester === 1))).toEqual([1, 5, 8]);
  });
  test('of a job without a key, or that has to be alone, is that job', () => {
    const from = new JobQueue({ limit: 9 });
    const plain = makeJob({ cost: 1 }),
      alone = makeJob({ cost: 2, joinKey: 1, alone: true });
    for (const job of [makeJob({ joinKey: 1 }), plain, alone, makeJob(), makeJob({ joinKey: 1, alone: true })])
      from.push(job);
    expect(costs(from.takeMatching(plain, 64, yes))).toEqual([1]);
    expect(costs(from.takeMatching(alone, 64, yes))).toEqual([2]);
  });
  test('looks past a few that do not match, but not past all', () => {
    for (const [others, expected] of [
      [5, [1, 2]],
      [50, [1]],
    ]) {
      const from = filled({ joinKey: 1, cost: 1 }, ...Array(others).fill({ joinKey: 1, cost: 9 }), {
        joinKey: 1,
        cost: 2,
      });
      expect(costs(from.takeMatching(first(from), 2, ({ cost }) => cost === 2))).toEqual(expected);
    }
  });
  test('of a job that is not inside is empty', () =>
    expect(queue().takeMatching(makeJob({ joinKey: 1 }), 64, yes)).toEqual([]));
});

// Random jobs, of few enough kinds that they meet.
const someJob = fc.record({
  requester: fc.integer({ min: 1, max: 4 }),
  priority: fc.constantFrom(0, 0, 0, 1, 2, -3),
  kind: fc.constantFrom('vector', 'matrix', 'render'),
  affinity: fc.constantFrom(0, 0, 0, 1, 2),
  joinKey: fc.constantFrom(0, 1, 2),
  alone: fc.constantFrom(false, false, false, true),
  timeout: fc.constantFrom(Infinity, Infinity, 5, 60, 200),
  excluded: fc.constantFrom(-1, -1, 0),
});
const someStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('push'), job: someJob }) },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('take'),
      most: fc.constantFrom(1, 1, 3),
      blocked: fc.constantFrom('', '', 'vector', 'matrix'),
    }),
  },
  fc.record({ what: fc.constant('remove'), pick: fc.nat() }),
  fc.record({ what: fc.constant('requeue'), pick: fc.nat() }),
  fc.record({ what: fc.constant('removeWhere'), requester: fc.integer({ min: 1, max: 4 }) }),
  { weight: 3, arbitrary: fc.record({ what: fc.constant('wait'), ms: fc.constantFrom(0.5, 3, 20, 120) }) },
);

/** What the queue must hold, in the plainest way. */
class Model {
  constructor(limit) {
    this.queue = new JobQueue({ limit });
    this.limit = limit;
    this.jobs = []; // in the order of arrival
    this.gone = []; // taken, may come back
    this.now = 0;
  }

  push({ job: { timeout, ...fields } }) {
    const job = makeJob({ ...fields, enqueued: this.now, deadline: this.now + timeout });
    const room = this.jobs.length < this.limit;
    expect(this.queue.push(job)).toBe(room);
    if (room) this.jobs.push(job);
  }

  /** By the rule for all jobs at once: a class is represented by its head and by what is urgent. */
  expected(fits) {
    const alike = (a, b) =>
      ['requester', 'priority', 'kind', 'contextType', 'affinity', 'alone', 'excluded'].every(
        (key) => a[key] === b[key],
      );
    return chooseJob(
      this.jobs.filter(
        (job) =>
          fits(job) && (job.deadline <= this.now + kUrgentMs || this.jobs.find((each) => alike(each, job)) === job),
      ),
      this.now,
    );
  }

  take({ most, blocked }) {
    const fits = ({ kind }) => kind !== blocked;
    const urgent = this.jobs.filter(({ deadline }) => deadline <= this.now + kUrgentMs).length;
    const job = this.queue.next(this.now, fits);
    if (urgent <= 8) expect(job).toBe(this.expected(fits)); // it looks at no more
    expect(job === undefined).toBe(!this.jobs.some(fits));
    if (!job) return;
    const before = [...this.jobs],
      joined = this.queue.joinable(job);
    const taken = this.queue.takeMatching(job, most, ({ requester }) => requester !== 3);
    const group = before.filter(
      (each) =>
        each === job ||
        (job.joinKey &&
          !job.alone &&
          each.joinKey === job.joinKey &&
          !each.alone &&
          each.affinity === job.affinity &&
          each.excluded === job.excluded),
    );
    expect(joined).toBe(group.length);
    const joinable = before.filter(
      (each) =>
        each !== job &&
        job.joinKey &&
        !job.alone &&
        each.joinKey === job.joinKey &&
        !each.alone &&
        each.affinity === job.affinity &&
        each.excluded === job.excluded &&
        each.requester !== 3,
    );
    expect(taken.slice(1)).toEqual(joinable.slice(0, most - 1));
    this.drop(taken);
    this.gone.push(...taken);
  }

  drop(jobs) {
    for (const job of jobs) expect(this.jobs.splice(this.jobs.indexOf(job), 1)).toEqual([job]);
  }

  remove({ pick }) {
    const all = [...this.jobs, ...this.gone];
    if (!all.length) return;
    const job = all[pick % all.length];
    expect(this.queue.remove(job)).toBe(this.jobs.includes(job));
    if (this.jobs.includes(job)) this.drop([job]);
  }

  /**
   * As the coordinator does it: what comes back is older than what waits (its order among younger ones has examples of
   * its own).
   */
  requeue({ pick }) {
    if (!this.gone.length) return;
    const [job] = this.gone.splice(pick % this.gone.length, 1);
    if (job.deadline <= this.now || this.jobs.some((each) => compareAged(each, job, 0) < 0)) return;
    this.queue.requeue(job);
    this.jobs.unshift(job);
  }

  removeWhere({ requester }) {
    const found = this.queue.removeWhere((job) => job.requester === requester && job.kind === 'vector');
    expect(new Set(found)).toEqual(
      new Set(this.jobs.filter((job) => job.requester === requester && job.kind === 'vector')),
    );
    this.drop(found);
  }

  wait({ ms }) {
    this.now += ms;
    const late = this.queue.expired(this.now);
    expect(new Set(late)).toEqual(new Set(this.jobs.filter(({ deadline }) => deadline <= this.now)));
    this.drop(late);
  }

  look() {
    expect(this.queue.size).toBe(this.jobs.length);
    expect(this.queue.nextDeadline()).toBe(Math.min(Infinity, ...this.jobs.map(({ deadline }) => deadline)));
    expect(this.queue.oldestAge(this.now)).toBe(
      this.now - Math.min(this.now, ...this.jobs.map(({ enqueued }) => enqueued)),
    );
  }
}

describe('properties', () => {
  test('it does what a plain list and chooseJob do', () => {
    check(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(someStep, { maxLength: 80, size: 'max' }),
        (limit, steps) => {
          const model = new Model(limit);
          for (const step of steps) {
            model[step.what](step);
            model.look();
          }
          const left = [];
          for (let job; (job = model.queue.next(model.now, yes)); left.push(...model.queue.takeMatching(job, 1, yes)));
          expect(new Set(left)).toEqual(new Set(model.jobs));
        },
      ),
      300,
    );
  });

  test('deadlines come in order, whatever left in between', () => {
    check(
      fc.property(
        fc.array(fc.nat({ max: 1000 }), { maxLength: 120, size: 'max' }),
        fc.array(fc.nat(), { maxLength: 60, size: 'max' }),
        (deadlines, picks) => {
          const queue = new JobQueue({ limit: Infinity }),
            jobs = deadlines.map((deadline) => makeJob({ deadline }));
          for (const job of jobs) queue.push(job);
          for (const pick of picks) if (jobs.length) queue.remove(jobs.splice(pick % jobs.length, 1)[0]);
          const left = jobs.map(({ deadline }) => deadline).sort((a, b) => a - b);
          const late = [];
          while (queue.nextDeadline() !== Infinity) late.push(...queue.expired(queue.nextDeadline()));
          expect(late.map(({ deadline }) => deadline)).toEqual(left);
          expect(queue.size).toBe(0);
        },
      ),
    );
  });

  test('ageing: the effective priority only rises while a job waits, and two jobs never change places', () => {
    const job = fc.record({ priority: fc.integer({ min: -2000, max: 2000 }), enqueued: fc.nat({ max: 100000 }) });
    check(
      fc.property(job, job, fc.nat({ max: 100000 }), fc.integer({ min: 1, max: 100000 }), (a, b, wait, more) => {
        const [left, right] = [makeJob(a), makeJob(b)];
        const at = Math.max(a.enqueued, b.enqueued) + wait;
        expect(effectivePriority(left, at + more)).toBeGreaterThan(effectivePriority(left, at));
        const gap = effectivePriority(left, at) - effectivePriority(right, at);
        expect(effectivePriority(left, at + more) - effectivePriority(right, at + more)).toBeCloseTo(gap, 6);
        if (Math.abs(gap) > 1e-6) expect(Math.sign(compareAged(left, right, 50))).toBe(-Math.sign(gap));
      }),
    );
  });

  // One server; every job takes `cost`; requesters of higher priority offer more than it can do, for as long as it
  // takes.
  const load = fc.record({
    requesters: fc.integer({ min: 1, max: 5 }),
    priority: fc.integer({ min: -4, max: 0 }),
    gap: fc.integer({ min: 1, max: 8 }),
    cost: fc.constantFrom(1, 5, 20),
    backlog: fc.nat({ max: 60 }),
    perJob: fc.integer({ min: 1, max: 3 }),
    hasty: fc.boolean(),
    own: fc.integer({ min: 0, max: 3 }),
  });

  test('nobody starves: gap * agingMs and what was ahead, times the requesters', () => {
    check(
      fc.property(load, ({ requesters, priority, gap, cost, backlog, perJob, hasty, own }) => {
        const agingMs = 50,
          queue = new JobQueue({ limit: Infinity, agingMs });
        const rival = (i, enqueued) =>
          makeJob({
            requester: 1 + (i % requesters),
            priority: priority + gap,
            enqueued,
            kind: i % 3 ? 'vector' : 'matrix',
            deadline: hasty && i % 2 ? enqueued + 45 : Infinity,
          });
        for (let i = 0; i < backlog; ++i) queue.push(rival(i, 0));
        const job = makeJob({ requester: 99, priority, enqueued: 1 });
        for (let i = 0; i < own; ++i) queue.push(makeJob({ requester: 99, priority, enqueued: 0 }));
        queue.push(job);
        const turnsBefore = 2 * (requesters + 1); // of any job that is the oldest
        const lastRival = job.enqueued + gap * agingMs; // what comes later is never ahead
        const ahead = backlog + own + requesters + (Math.ceil(lastRival / cost) + 1) * perJob;
        let now = 1,
          older = queue.size - 1,
          served = 0;
        for (let i = 0; ; ++served) {
          const taken = queue.takeMatching(queue.next(now, yes), 1, yes)[0];
          if (taken === job) break;
          expect(served).toBeLessThanOrEqual(turnsBefore * (older + 1));
          expect(served).toBeLessThanOrEqual(turnsBefore * (ahead + 1));
          now += cost;
          for (let more = 0; more < perJob; ++more, ++i) {
            queue.push(rival(i, now));
            if (now <= lastRival) ++older;
          }
        }
      }),
      120,
    );
  });

  test('a single job below a stream of a higher priority runs after gap * agingMs and one job of the rival', () => {
    check(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(1, 3, 10),
        fc.constantFrom(10, 50),
        (gap, cost, agingMs) => {
          const queue = new JobQueue({ limit: Infinity, agingMs }),
            job = makeJob({ requester: 2, enqueued: 0 });
          queue.push(job);
          let now = 0;
          for (let taken; taken !== job; now += cost) {
            queue.push(makeJob({ requester: 1, priority: gap, enqueued: now }));
            [taken] = queue.takeMatching(queue.next(now, yes), 1, yes);
          }
          const began = now - cost;
          expect(began).toBeLessThanOrEqual(gap * agingMs + cost);
          expect(began).toBeGreaterThanOrEqual(gap * agingMs - cost);
        },
      ),
    );
  });

  test('fairness: a job of an idle requester waits for one job of each other, two when they are in a hurry', () => {
    check(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
        fc.nat({ max: 40 }),
        fc.integer({ min: 0, max: 2 }),
        fc.boolean(),
        (floods, before, higher, hasty) => {
          const queue = new JobQueue({ limit: Infinity });
          queue.push(makeJob({ requester: 0, enqueued: -1000 }));
          drain(queue, 'requester'); // known, and served long ago
          floods.forEach((count, requester) => {
            for (let i = 0; i < count; ++i)
              queue.push(
                makeJob({
                  requester: requester + 1,
                  enqueued: i,
                  deadline: hasty ? 5000 + i : Infinity,
                  kind: i % 2 ? 'vector' : 'search',
                }),
              );
          });
          drain(queue, 'requester', 4990, before);
          queue.push(makeJob({ requester: 0, enqueued: 4990, priority: higher }));
          const order = drain(queue, 'requester', 4990);
          const ahead = order.slice(0, order.indexOf(0));
          for (let requester = 1; requester <= floods.length; ++requester)
            expect(ahead.filter((each) => each === requester).length).toBeLessThanOrEqual(hasty ? 2 : 1);
        },
      ),
      300,
    );
  });

  test('fairness: requesters that always have jobs are served equally often', () => {
    check(
      fc.property(
        fc.integer({ min: 2, max: 6 }),
        fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 8 }),
        (requesters, kinds) => {
          const queue = new JobQueue({ limit: Infinity });
          for (let requester = 0; requester < requesters; ++requester)
            for (let i = 0; i < 40; ++i)
              queue.push(
                makeJob({ requester, enqueued: requester * 1000 + i, affinity: kinds[(requester + i) % kinds.length] }),
              );
          const served = drain(queue, 'requester', 9000, requesters * 30);
          for (let requester = 0; requester < requesters; ++requester)
            expect(served.filter((each) => each === requester).length).toBe(30);
        },
      ),
    );
  });
});
