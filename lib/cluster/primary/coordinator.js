// The coordinator: admits jobs, gives each to a context, and settles each exactly once. It opens no device and touches
// no payload.
'use strict';
const { setTimeout, clearTimeout, setInterval, clearInterval } = require('node:timers');
const { CoordinatorJob, Launch } = require('./job');
const { JobQueue } = require('./queue');
const { chooseContext, memberToEmpty, isOfFitType } = require('./scheduler');
const { joinLimit, companions, holdMs, ArrivalMeter } = require('./batcher');
const { Completion, late } = require('./completion');
const { nowMs } = require('../../core');
const { kBase } = require('../../call');
const { messages: protocol } = require('../wire');

/** @typedef {import('./member').Member} Member */
/** @typedef {import('./context-view').ContextView} ContextView */
/** @typedef {import('./completion').Ending} Ending */
/**
 * @typedef {object} CoordinatorParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {import('../../metrics/metrics').Metrics} metrics
 * @property {import('./speeds').Speeds} speeds
 * @property {() => ContextView[]} contexts those of all members
 * @property {(context: ContextView, job: number) => void} onStuck a job there does not stop
 * @property {(context: ContextView, message: string) => void} onContextLost
 * @property {(member: Member) => void} onStopped it ends the jobs it has, and takes no more
 * @property {(job: Pick<CoordinatorJob, 'contextType'|'kind'>) => boolean} mayHave whether there is, was or may still
 *   come a context that fits a job
 * @property {import('./primary').Emit} emit
 */

const { done, assign } = protocol;
const kWatchMs = 100;
const kMaxReturns = 20; // times a job may come back without having run, before that is a failure of its own
const kPoisonDeaths = 2; // workers that end while a job runs, before it has to run alone
const kLookAgainMs = 50; // while jobs wait
const kLaunchMs = 0.03; // of a context that no launch was measured for

class Coordinator {
  /** @type {Map<number, CoordinatorJob>} assigned */
  #running = new Map();
  /** @type {NodeJS.Timeout|undefined} */
  #deadlineTimer;
  #deadlineAt = Infinity;
  /** @type {NodeJS.Timeout|undefined} */
  #holdTimer;
  #holdAt = Infinity;
  #watch;
  #completion;
  #outbox = new Float64Array(1 << 15);
  #arrivals = new ArrivalMeter();
  /** @type {Member|undefined} the one that a job waits to be empty */
  #emptying;
  #endedBefore = 0;
  #endRate = 0;

  /** @param {CoordinatorParts} parts */
  constructor(parts) {
    this.parts = parts;
    this.config = parts.config;
    this.queue = new JobQueue({ limit: parts.config.queueLimit });
    this.closing = false;
    this.#completion = new Completion({
      log: parts.log,
      metrics: parts.metrics,
      requeue: (job) => this.#requeue(job),
      onAloneSettled: () => this.#stopEmptying(),
    });
    this.#watch = setInterval(() => this.#look(), kWatchMs);
    this.#watch.unref();
  }

  get running() {
    return this.#running.size;
  }

  get pending() {
    return this.queue.size;
  }

  /**
   * Whether a job is under way on memory that a member made.
   * @param {number} maker its serial number
   */
  usesMemoryOf(maker) {
    for (const job of this.#running.values()) if (job.maker === maker) return true;
    return this.#completion.usesMemoryOf(maker);
  }

  /** Jobs that were told to stop and never will. */
  get givenUp() {
    return [...this.#running.values()].filter(isGivenUp).length;
  }

  /** Jobs that have not been settled. */
  get unsettled() {
    return this.queue.size + this.#running.size;
  }

  // ---- jobs come

  /**
   * @param {Member} from
   * @param {Float64Array} numbers
   * @param {number} at
   */
  onAsk(from, numbers, at) {
    const now = nowMs();
    const job = new CoordinatorJob(from, numbers, at, now);
    from.asked.set(job.askNumber, job);
    if (this.closing)
      return this.#completion.settle(job, {
        code: 'ERR_CLOSED',
        message: 'the cluster is being closed and takes no more jobs',
      });
    if (job.deadline <= now) return this.#completion.settle(job, late(job));
    if (isChoosy(job) && !this.parts.mayHave(job)) return this.#completion.settle(job, this.#unsupported(job));
    const tooLarge = this.#tooLarge(job);
    if (tooLarge) return this.#completion.settle(job, tooLarge);
    if (job.cacheKey && this.#completion.follow(job)) return undefined;
    if (job.joinKey) this.#arrivals.note(job.joinKey, now);
    job.isQueued = this.queue.push(job);
    if (!job.isQueued) {
      const retryAfter = this.queue.retryAfter(now, this.#endRate);
      if (!from.inProcess) this.parts.emit('queue-full', () => ({ retryAfter })); // its own manager says so itself
      return this.#completion.settle(job, {
        code: 'ERR_QUEUE_FULL',
        retryAfter,
        message: `the queue is full: ${this.config.queueLimit} jobs wait already; try again in ${retryAfter} ms`,
      });
    }
    if (job.cacheKey) this.#completion.lead(job);
    return undefined;
  }

  /**
   * No context will ever have room for it: that is better said at once.
   * @param {CoordinatorJob} job
   */
  #tooLarge(job) {
    const contexts = this.parts.contexts().filter((context) => !context.isLost && isOfFitType(job, context));
    if (!contexts.length || contexts.some(({ memoryMost }) => memoryMost >= job.bytes)) return undefined;
    const most = Math.max(...contexts.map(({ memoryMost }) => memoryMost));
    return {
      code: 'ERR_OUT_OF_MEMORY',
      message: `the job's inputs and outputs take ${job.bytes} bytes, but the largest of its contexts may use ${most}: raise memoryLimit, or split the job`,
    };
  }

  /** Refuses what waits for a type of context that won't come. */
  refuseUnsupported() {
    // The queue holds only CoordinatorJobs.
    const isHopeless = /** @type {(job: any) => boolean} */ ((job) => isChoosy(job) && !this.parts.mayHave(job));
    const refused = /** @type {CoordinatorJob[]} */ (this.queue.removeWhere(isHopeless));
    for (const job of refused) {
      job.isQueued = false;
      this.#completion.finish(job, this.#unsupported(job));
    }
  }

  /** @param {CoordinatorJob} job */
  #unsupported(job) {
    const types = [...new Set(this.parts.contexts().map(({ type }) => type))];
    return {
      code: 'ERR_UNSUPPORTED',
      message: `${lack(job)}: there ${types.length > 1 ? 'are' : 'is'} ${types.join(', ') || 'none'}${remedy(job)}`,
    };
  }

  /**
   * @param {Member} from
   * @param {number} askNumber
   */
  onCancel(from, askNumber) {
    const job = from.asked.get(askNumber);
    if (job) this.#cancel(job, { code: 'ERR_CANCELED', message: 'the job was canceled' });
  }

  /**
   * @param {CoordinatorJob} job
   * @param {Ending} ending if it has not begun
   */
  #cancel(job, ending) {
    if (job.leader) {
      this.#completion.leaveLeader(job, ending);
    } else if (job.followers?.length) {
      // Others wait for the same outputs: it goes on for them.
      job.canceledAt = 0;
    } else if (job.isQueued) {
      this.queue.remove(job);
      job.isQueued = false;
      this.#completion.finish(job, ending);
    } else if (job.member && !job.canceledAt) {
      job.canceledAt = nowMs();
      job.canceledFor = ending;
      job.member.run?.post(new Float64Array([3, protocol.kCancel, job.number]));
    }
  }

  // ---- jobs go

  /** Gives away what can be given. Called at the end of every batch of messages. */
  dispatch() {
    const contexts = this.parts.contexts();
    const now = nowMs();
    let held = Infinity;
    while (this.queue.size) {
      /** @type {ContextView|undefined} */
      let chosen;
      const fits = (/** @type {any} */ job) => {
        chosen = chooseContext(job, contexts, now);
        if (!chosen) {
          if (job.alone) this.#makeRoomFor(job, contexts, now);
          return false;
        }
        const wait = this.#hold(job, chosen, now);
        if (wait > 0) held = Math.min(held, wait);
        return wait === 0;
      };
      const job = /** @type {CoordinatorJob|undefined} */ (this.queue.next(now, fits));
      if (!job || !chosen) break;
      this.#assign(this.#withCompanions(job, chosen), chosen, now);
    }
    this.#armHold(this.queue.size ? Math.min(held, kLookAgainMs) : Infinity);
    this.#armDeadline();
  }

  /**
   * @param {CoordinatorJob} job
   * @param {ContextView} context
   * @returns {CoordinatorJob[]}
   */
  #withCompanions(job, context) {
    const most = this.config.optimizations ? joinLimit(job, context) : 1;
    const fits = companions(job, context);
    // @ts-ignore: the queue holds only CoordinatorJobs
    return this.queue.takeMatching(job, most, (other) => other.contextType === job.contextType && fits(other));
  }

  /**
   * How long to wait for companions before a launch.
   * @param {CoordinatorJob} job
   * @param {ContextView} context
   * @param {number} now
   */
  #hold(job, context, now) {
    // On the CPU a launch costs next to nothing, so waiting gains nothing.
    if (!job.joinKey || !this.config.optimizations || context.type === 'cpu') return 0;
    const arrivalMs = this.#arrivals.interval(job.joinKey, now);
    return holdMs({
      now,
      job,
      queued: this.queue.joinable(job),
      arrivalMs,
      launchMs: kLaunchMs,
      slackMs: job.deadline - now - job.cost,
      context,
    });
  }

  /**
   * Looks again after a while though nothing has happened: a held job goes, and patience with a context may have an
   * end.
   * @param {number} ms
   */
  #armHold(ms) {
    const at = nowMs() + ms;
    if (ms === Infinity || (this.#holdTimer && this.#holdAt <= at)) return;
    clearTimeout(this.#holdTimer);
    this.#holdAt = at;
    this.#holdTimer = setTimeout(
      () => {
        this.#holdTimer = undefined;
        this.dispatch();
      },
      Math.max(1, Math.ceil(ms)),
    );
    this.#holdTimer.unref();
  }

  /**
   * A job that has to run alone waits until a member has nothing else; that one gets no more until then.
   * @param {CoordinatorJob} job
   * @param {ContextView[]} contexts
   * @param {number} now
   */
  #makeRoomFor(job, contexts, now) {
    if (this.#emptying?.takesJobs) return;
    this.#stopEmptying();
    const slot = memberToEmpty(job, contexts, now);
    this.#emptying = contexts.find(({ member }) => member === slot)?.owner;
    if (this.#emptying) this.#emptying.emptying = true;
  }

  #stopEmptying() {
    if (this.#emptying) this.#emptying.emptying = false;
    this.#emptying = undefined;
  }

  /**
   * @param {CoordinatorJob[]} jobs
   * @param {ContextView} context
   * @param {number} now
   */
  #assign(jobs, context, now) {
    const member = context.owner;
    const launch = new Launch(jobs, member, context);
    let length = assign.jobs;
    for (const { body } of jobs) length += 2 + body.length;
    if (this.#outbox.length < length) this.#outbox = new Float64Array(2 * length);
    const out = this.#outbox;
    out[0] = length;
    out[1] = protocol.kAssign;
    out[assign.context] = context.index;
    out[assign.decided] = now;
    out[assign.count] = jobs.length;
    let at = assign.jobs;
    for (const job of jobs) {
      out[at] = job.number;
      out[at + 1] = job.body.length;
      out.set(job.body, at + 2);
      at += 2 + job.body.length;
      job.isQueued = false;
      job.member = member;
      job.context = context;
      job.launch = launch;
      job.startedAt = now;
      ++job.attempts;
      this.#running.set(job.number, job);
      member.jobs.set(job.number, job);
      if (job.affinity) context.affinities.add(job.affinity);
      for (const input of job.inputs) context.resident.add(input);
    }
    ++context.assigned;
    context.assignedMs += launch.cost;
    context.usedAt = now;
    ++member.launches;
    if (jobs[0].alone) {
      member.exclusive = true;
      this.#stopEmptying();
    }
    member.run?.post(out, length);
  }

  // ---- jobs end

  /**
   * @param {Member} member
   * @param {Float64Array} numbers
   * @param {number} at
   */
  onDone(member, numbers, at) {
    const job = this.#running.get(numbers[at + done.number]);
    if (!job || job.member !== member) return;
    const context = /** @type {ContextView} */ (job.context);
    const launch = /** @type {Launch} */ (job.launch);
    this.#takeBack(job);
    const code = numbers[at + done.code];
    const batch = numbers[at + done.batch];
    if (!code) {
      const compute = numbers[at + done.compute];
      const { startedAt } = job;
      ++context.ran;
      if (job.workload >= kBase) context.programs.add(job.workload);
      const first = !launch.isCounted;
      launch.isCounted = true;
      // A joined launch says how fast many together are, not one.
      const launched = batch === 1 || first ? batch : 0;
      if (batch === 1 && job.cost > 0.01) this.parts.speeds.note(context.device.id, job.workload, compute / job.cost);
      this.#completion.finish(job, {
        batch,
        launched,
        switch: numbers[at + done.switch],
        upload: numbers[at + done.upload],
        compute,
        readback: numbers[at + done.readback],
        member: member.slot,
        context: context.index,
        queued: job.startedAt - job.enqueued,
        startedAt,
      });
      return;
    }
    const name = protocol.kCodes[code - 1];
    const message = protocol.readText(numbers, at + done.text, numbers[at + done.textBytes]);
    if (name === 'ERR_DEVICE_LOST') {
      if (!member.takesJobs) this.parts.onStopped(member);
      else if (!context.isLost) this.parts.onContextLost(context, message);
      // One that only waited behind the job that lost the device has not run.
      const ran = numbers[at + done.switch] > 0;
      if (ran ? this.#tryAgain(job, name) : this.#bringBack(job, member)) return;
    } else if (!job.canceledAt && !this.closing && (name === 'ERR_CANCELED' || name === 'ERR_CLOSED')) {
      // Nobody has asked for that: its process is leaving, and stops what runs there.
      this.parts.onStopped(member);
      if (this.#bringBack(job, member)) return;
    }
    const isLate = job.canceledAt > 0 && name === 'ERR_CANCELED' && job.deadline <= nowMs();
    this.#completion.finish(
      job,
      isLate ? late(job) : name === 'ERR_CANCELED' && job.canceledFor ? job.canceledFor : { code: name, message },
    );
  }

  /**
   * Puts a job back that was not run to its end through no fault of its own.
   * @param {CoordinatorJob} job
   * @param {Member} member
   * @returns {boolean} false: nobody wants it any more, or it came back too often
   */
  #bringBack(job, member) {
    if (job.canceledAt || this.closing || (!job.from && !job.followers?.length) || job.returns >= kMaxReturns)
      return false;
    --job.attempts;
    ++job.returns;
    job.excluded = member.slot;
    this.#requeue(job);
    return true;
  }

  /**
   * A process has left and goes on without its contexts: what it had and has not answered is done elsewhere.
   * @param {Member} member
   */
  onMemberLeft(member) {
    for (const job of [...member.jobs.values()]) {
      this.#takeBack(job);
      if (!this.#bringBack(job, member))
        this.#completion.finish(job, { code: 'ERR_CANCELED', message: 'the job was canceled' });
    }
  }

  /**
   * A job is not where it was assigned any more.
   * @param {CoordinatorJob} job
   */
  #takeBack(job) {
    const { member, context, launch } = job;
    this.#running.delete(job.number);
    member?.jobs.delete(job.number);
    job.member = undefined;
    job.context = undefined;
    job.launch = undefined;
    if (!launch || --launch.left > 0 || !context || !member) return;
    --context.assigned;
    context.assignedMs = context.assigned ? Math.max(0, context.assignedMs - launch.cost) : 0;
    --member.launches;
    if (member.exclusive && member.launches === 0) member.exclusive = false;
  }

  /**
   * Puts a job back that its context could not run.
   * @param {CoordinatorJob} job
   * @param {string} reason the code it would fail with
   * @returns {boolean} false: its retries are used up, or nobody wants it any more
   */
  #tryAgain(job, reason) {
    if (job.attempts > job.retries || this.closing || (!job.from && !job.followers?.length) || job.canceledAt)
      return false;
    this.parts.metrics.own.retried(reason);
    this.parts.log.info({ job: job.number, attempt: job.attempts, reason }, 'a job is tried again');
    this.#requeue(job);
    return true;
  }

  /** @param {CoordinatorJob} job */
  #requeue(job) {
    job.isQueued = true;
    this.queue.requeue(job);
  }

  /**
   * @param {Member} from
   * @param {number} askNumber
   */
  onCopied(from, askNumber) {
    this.#completion.onCopied(from, askNumber);
  }

  // ---- members go, time passes

  /**
   * A process has ended. What it ran is tried elsewhere, what it asked for is of no use any more.
   * @param {Member} member
   */
  onMemberGone(member) {
    /** @type {Set<number>} */
    const started = new Set();
    for (const context of member.contexts) for (const number of context.started()) started.add(number);
    for (const job of [...member.jobs.values()]) {
      const ran = started.has(job.number) || started.has(job.launch?.leader ?? -1);
      this.#takeBack(job);
      this.#afterDeath(job, member, ran);
    }
    for (const job of [...member.asked.values()]) {
      job.from = undefined;
      if (job.ended && !job.copies)
        this.#completion.copied(job); // it won't copy any more
      else this.#cancel(job, { code: 'ERR_WORKER_LOST', message: 'the process that asked has ended' });
    }
    member.asked.clear();
    this.#completion.forget(member.slot);
    if (this.#emptying === member) this.#emptying = undefined;
  }

  /**
   * @param {CoordinatorJob} job
   * @param {Member} member
   * @param {boolean} ran it had begun when the process ended
   */
  #afterDeath(job, member, ran) {
    if (ran) {
      ++job.deaths;
      if (job.deaths >= kPoisonDeaths) job.alone = true;
      job.excluded = member.slot;
    } else {
      --job.attempts; // it did not run
      ++job.returns;
    }
    if (job.canceledAt || (!job.from && !job.followers?.length)) {
      const ending = job.deadline <= nowMs() ? late(job) : { code: 'ERR_CANCELED', message: 'the job was canceled' };
      this.#completion.finish(job, ending);
      return;
    }
    if (ran ? this.#tryAgain(job, 'ERR_WORKER_LOST') : job.returns <= kMaxReturns) {
      if (!ran) this.#requeue(job);
      return;
    }
    const times = ran
      ? `while it ran (${job.deaths} time${job.deaths > 1 ? 's' : ''}; retries: ${job.retries})`
      : `before it ran, ${job.returns} times`;
    this.#completion.finish(job, { code: 'ERR_WORKER_LOST', message: `the worker process of the job ended ${times}` });
  }

  #armDeadline() {
    const next = this.queue.nextDeadline();
    if (next === this.#deadlineAt && this.#deadlineTimer) return;
    clearTimeout(this.#deadlineTimer);
    this.#deadlineTimer = undefined;
    this.#deadlineAt = next;
    if (next === Infinity) return;
    this.#deadlineTimer = setTimeout(
      () => {
        this.#deadlineTimer = undefined;
        this.#expire();
      },
      Math.min(2 ** 31 - 1, Math.max(1, next - nowMs())),
    );
    this.#deadlineTimer.unref();
  }

  #expire() {
    for (const each of this.queue.expired(nowMs())) {
      const job = /** @type {CoordinatorJob} */ (/** @type {unknown} */ (each));
      job.isQueued = false;
      this.#completion.finish(job, late(job));
    }
    this.#armDeadline();
  }

  /** Sees to what no message announces: deadlines of running jobs, and contexts that don't let go of them. */
  #look() {
    const now = nowMs();
    this.#expire();
    this.#endRate += 0.1 * ((this.#completion.count - this.#endedBefore) * (1000 / kWatchMs) - this.#endRate);
    this.#endedBefore = this.#completion.count;
    for (const job of this.#running.values()) {
      if (!job.canceledAt && job.deadline <= now) this.#cancel(job, late(job));
      if (!job.canceledAt || now - job.canceledAt < this.config.contextSwitchTimeout || !job.member) continue;
      if (!this.#holdsUp(job)) continue;
      const context = /** @type {ContextView} */ (job.context);
      if (isGivenUp(job)) continue;
      this.parts.onStuck(context, job.number);
      break;
    }
  }

  /**
   * A context of this process will never come to what waits in its lane: that goes back to the queue, as soon as the
   * lane has let it go.
   * @param {ContextView} context
   */
  onGivenUp(context) {
    for (const job of this.#running.values())
      if (job.context === context && !job.canceledAt)
        job.member?.run?.post(new Float64Array([3, protocol.kCancel, job.number]));
  }

  /**
   * Whether a job that does not stop is what keeps its context from going on. One that has not begun may wait behind
   * another, which is within its rights.
   * @param {CoordinatorJob} job
   */
  #holdsUp(job) {
    const started = /** @type {ContextView} */ (job.context).started();
    return started.size === 0 || started.has(job.number) || started.has(job.launch?.leader ?? -1);
  }

  /** Ends everything that has not been settled. */
  rejectAll() {
    const ending = { code: 'ERR_CLOSED', message: 'the cluster was closed before the job was done' };
    for (const job of this.queue.removeWhere(() => true)) {
      const queued = /** @type {CoordinatorJob} */ (/** @type {unknown} */ (job));
      queued.isQueued = false;
      this.#completion.finish(queued, ending);
    }
    for (const job of this.#running.values()) this.#cancel(job, ending);
  }

  close() {
    clearInterval(this.#watch);
    clearTimeout(this.#deadlineTimer);
    clearTimeout(this.#holdTimer);
  }
}

/**
 * It runs in a context of this process that does not let go of it.
 * @param {CoordinatorJob} job
 */
function isGivenUp({ canceledAt, context, member }) {
  return canceledAt > 0 && context?.isLost === true && member?.inProcess === true;
}

/**
 * Not every context will do for it.
 * @param {CoordinatorJob} job
 */
function isChoosy({ contextType, kind }) {
  return contextType !== '' || kind === 'render';
}

/** @param {CoordinatorJob} job what no context has */
function lack({ kind, contextType, workload }) {
  if (kind === 'render') return `no context here can draw${contextType ? ` and is of the type '${contextType}'` : ''}`;
  if (contextType === 'gpu') return 'no context here can run the kernel, which has code for CUDA and for Vulkan';
  return workload >= kBase
    ? `no context here can run the kernel, which has code for ${contextType === 'cuda' ? 'CUDA' : 'Vulkan'}`
    : `no context here is of the type '${contextType}'`;
}

/** @param {CoordinatorJob} job */
function remedy({ kind, contextType, workload }) {
  if (kind !== 'render' && workload < kBase) return '';
  if (contextType === 'cuda') return '. An NVIDIA card with its driver is needed, or a GLSL source beside the CUDA one';
  return '. A Vulkan driver is needed (`apt-get install mesa-vulkan-drivers` has one in software), and contextTypes and contextsPerWorker must leave room for a context of it';
}

module.exports = { Coordinator };
