// The queue of the coordinator under random jobs, against a naive model of it.
'use strict';
const { fc, check, makeJob } = require('../../../support/simulation');
const { yes } = require('../../../support/queue-fixtures');
const { JobQueue } = require('../../../../lib/cluster/primary/queue');
const { chooseJob, compareAged, kUrgentMs } = require('../../../../lib/cluster/primary/job-order');

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
});
