// The queue of the coordinator by example: its bound, its order, what leaves it and when, batches.
'use strict';
const { makeJob } = require('../../../support/simulation');
const { yes, filled, drain } = require('../../../support/queue-fixtures');
const { JobQueue } = require('../../../../lib/cluster/primary/queue');

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

  test('a part of a split job that waits for its device holds up none that is meant for another', () => {
    const queue = filled({ home: 1, cost: 1 }, { home: 2, cost: 2 }, { cost: 3 });
    expect(queue.next(0, ({ home }) => home === 2).cost).toBe(2);
    expect(queue.next(0, ({ home }) => !home).cost).toBe(3);
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
