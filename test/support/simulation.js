// A cluster on a fake clock, for the tests of the pure decisions: jobs arrive, run, expire and are lost, and what may
// never happen throws.
'use strict';
const fc = require('fast-check');
const { JobQueue } = require('../../lib/cluster/primary/queue');
const { chooseContext, canRun, memberToEmpty } = require('../../lib/cluster/primary/scheduler');
const { joinLimit, companions } = require('../../lib/cluster/primary/batcher');

const seed = Number(process.env.SWITCHYARD_TEST_SEED ?? 20240607);

/** Checks a property; a failure names the seed and the path that lead to it again. */
function check(property, numRuns = 200) {
  fc.assert(property, { seed, numRuns });
}

let lastNumber = 0;
function makeJob(fields = {}) {
  return {
    number: ++lastNumber,
    requester: 1,
    priority: 0,
    enqueued: 0,
    deadline: Infinity,
    kind: 'vector',
    contextType: '',
    affinity: 0,
    workload: 1,
    cost: 1,
    bytes: 4096,
    alone: false,
    excluded: -1,
    joinKey: 0,
    inputs: [],
    ...fields,
  };
}

function makeContext(fields = {}) {
  return {
    id: 'c',
    member: 0,
    workerId: 1,
    type: 'cpu',
    software: false,
    canDraw: false,
    state: 'idle',
    pending: 0,
    ownMs: 0,
    room: 4,
    memoryFree: 2 ** 30,
    holds: () => false,
    programs: undefined,
    workerRunning: 0,
    workerRoom: 8,
    lastUsed: 0,
    speed: () => undefined,
    affinities: new Set(),
    ...fields,
  };
}

function must(holds, message) {
  if (!holds) throw new Error(message);
}

const kRoom = 3,
  kWorkerRoom = 4,
  kTickMs = 10,
  kRetries = 2;

class Simulation {
  /**
   * @param {{ contexts: object[], limit: number }} options contexts: { member, type, software, canDraw, memory,
   *   trueSpeed, measured }
   */
  constructor({ contexts, limit }) {
    this.now = 0;
    this.limit = limit;
    this.queue = new JobQueue({ limit });
    this.events = [];
    this.queued = new Set(); // what must be in the queue
    this.settled = new Map(); // job -> outcome
    this.batches = [];
    this.contexts = contexts.map((each, index) =>
      makeContext({
        ...each,
        id: `c${index}`,
        room: kRoom,
        workerRoom: kWorkerRoom,
        memoryFree: each.memory,
        running: [],
        began: 0,
        speed: () => (each.measured ? each.trueSpeed : undefined),
      }),
    );
  }

  at(time, run) {
    this.events.push({ time: Math.max(time, this.now), run });
  }

  submit(job) {
    if (this.queue.push(job)) this.queued.add(job);
    else {
      must(this.queue.size >= this.limit, 'refused with room left');
      this.settle(job, 'refused');
    }
    must(this.queue.size === this.queued.size, `the queue counts ${this.queue.size}, not ${this.queued.size}`);
  }

  settle(job, outcome) {
    must(!this.settled.has(job), `job ${job.number} settled twice: ${this.settled.get(job)}, ${outcome}`);
    this.settled.set(job, outcome);
  }

  leave(job, outcome) {
    must(this.queued.delete(job), `job ${job.number} left the queue, but was not in it`);
    if (outcome) this.settle(job, outcome);
  }

  expire() {
    const first = Math.min(Infinity, ...[...this.queued].map(({ deadline }) => deadline));
    must(this.queue.nextDeadline() === first, `nextDeadline is ${this.queue.nextDeadline()}, not ${first}`);
    for (const job of this.queue.expired(this.now)) {
      must(job.deadline <= this.now, 'expired before its deadline');
      this.leave(job, 'expired');
    }
    for (const job of this.queued)
      must(job.deadline > this.now, `job ${job.number} outlived its deadline in the queue`);
  }

  view(member) {
    return this.contexts.filter((each) => each.member === member);
  }

  refresh() {
    const alone = [...this.queued].find((job) => job.alone);
    const kept = alone ? memberToEmpty(alone, this.contexts, this.now) : -1;
    for (const each of this.contexts) {
      each.pending = each.running.length;
      each.workerRunning = this.view(each.member).reduce((sum, { running }) => sum + running.length, 0);
      const closed = this.view(each.member).some(({ running }) => running.some(({ jobs }) => jobs[0].alone));
      each.room = kRoom - each.pending;
      each.workerRoom = closed || each.member === kept ? 0 : kWorkerRoom - each.workerRunning;
      each.memoryFree = each.memory - each.running.reduce((sum, { bytes }) => sum + bytes, 0);
      if (each.state === 'idle' || each.state === 'busy') each.state = each.pending ? 'busy' : 'idle';
    }
  }

  dispatch() {
    this.expire();
    for (;;) {
      this.refresh();
      let context;
      const job = this.queue.next(
        this.now,
        (candidate) => (context = chooseContext(candidate, this.contexts, this.now)) !== undefined,
      );
      if (!job) break;
      this.start(job, context);
    }
  }

  start(job, context) {
    this.checkPlace(job, context);
    const most = joinLimit(job, context);
    const jobs = this.queue.takeMatching(job, most, companions(job, context));
    must(jobs[0] === job && jobs.length <= most, `a batch of ${jobs.length}, at most ${most}`);
    for (const each of jobs) {
      this.leave(each);
      must(
        each === job ||
          (each.joinKey === job.joinKey && job.joinKey !== 0 && !each.alone && each.affinity === job.affinity),
        'strangers in a batch',
      );
    }
    const bytes = jobs.reduce((sum, each) => sum + each.bytes, 0);
    must(jobs.length === 1 || bytes <= 2 ** 20, `a batch of ${bytes} bytes`);
    must(bytes <= context.memoryFree, 'more than the memory that is free');
    const run = { jobs, bytes, context };
    context.running.push(run);
    context.lastUsed = this.now;
    this.batches.push(run);
    if (job.affinity) context.affinities.add(job.affinity);
    this.at(
      this.now + jobs.reduce((sum, each) => sum + each.cost, 0) * context.trueSpeed * context.running.length,
      () => this.finish(run),
    );
  }

  checkPlace(job, context) {
    must(canRun(job, context), `job ${job.number} went where it can't run`);
    must(context.running.length < kRoom && context.workerRunning < kWorkerRoom, 'over the capacity');
    must(!job.alone || context.workerRunning === 0, 'not alone');
    const others = this.contexts.filter(
      (each) =>
        each.member !== job.excluded &&
        (each.state === 'idle' || each.state === 'busy') &&
        (job.contextType === '' || each.type === job.contextType) &&
        (job.kind !== 'render' || each.canDraw) &&
        each.memory >= job.bytes,
    );
    must(
      context.member !== job.excluded || !others.length,
      `job ${job.number} went back to the member that it must avoid`,
    );
    const homes = others.filter(({ affinities }) => job.affinity && affinities.has(job.affinity));
    must(!homes.length || homes.includes(context), `job ${job.number} left the home of its affinity`);
  }

  finish(run) {
    const at = run.context.running.indexOf(run);
    if (at < 0) return; // it was lost
    run.context.running.splice(at, 1);
    for (const job of run.jobs) this.settle(job, 'done');
  }

  /** A member dies: what it ran is put back, or fails with its retries spent. */
  kill(member, downMs) {
    for (const context of this.view(member)) {
      if (context.state === 'lost') continue;
      const lost = context.running.splice(0);
      Object.assign(context, { state: 'lost' });
      context.affinities.clear();
      for (const { jobs } of lost) for (const job of jobs) this.retry(job, member);
      this.at(this.now + downMs, () => {
        context.state = 'idle';
      });
    }
  }

  retry(job, member) {
    job.attempts = (job.attempts ?? 0) + 1;
    job.excluded = member;
    job.alone = job.attempts >= 2;
    if (job.attempts > kRetries) return this.settle(job, 'failed');
    this.queue.requeue(job);
    this.queued.add(job);
  }

  cancel(job) {
    const was = this.queued.has(job);
    must(this.queue.remove(job) === was, 'remove() and the queue disagree');
    if (was) this.leave(job, 'canceled');
  }

  /** Runs until nothing is left to happen. */
  run() {
    for (let steps = 0; this.events.length || this.queued.size; ++steps) {
      must(steps < 20000, `no end: ${this.queued.size} jobs wait`);
      const deadline = this.queue.nextDeadline();
      if (!this.events.length && deadline === Infinity && !this.canStillRun()) break;
      const first = Math.min(deadline, ...this.events.map(({ time }) => time));
      this.now = this.queued.size ? Math.min(first, this.now + kTickMs) : first;
      const due = this.events.filter(({ time }) => time === this.now);
      this.events = this.events.filter(({ time }) => time > this.now);
      for (const { run } of due) run();
      this.dispatch();
    }
    for (const job of this.queue.removeWhere(() => true)) this.leave(job, 'impossible');
    must(this.queue.size === 0 && this.queued.size === 0, 'jobs are left');
  }

  canStillRun() {
    return [...this.queued].some((job) =>
      this.contexts.some(
        (each) =>
          (job.contextType === '' || job.contextType === each.type) &&
          (job.kind !== 'render' || each.canDraw) &&
          each.memory >= job.bytes,
      ),
    );
  }
}

module.exports = { fc, check, seed, makeJob, makeContext, Simulation };
