// Who waits for how long in the queue of the coordinator: ageing, no starvation, turns of the requesters.
'use strict';
const { fc, check, makeJob } = require('../../../support/simulation');
const { yes, drain } = require('../../../support/queue-fixtures');
const { JobQueue } = require('../../../../lib/cluster/primary/queue');
const { compareAged, effectivePriority } = require('../../../../lib/cluster/primary/job-order');

describe('properties', () => {
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
