// The coordinator: takes jobs in, gives each to a context, and settles each exactly once; their deadlines and
// cancellations. It opens no device and touches no payload.
'use strict';
const { setTimeout, clearTimeout, setInterval, clearInterval } = require('node:timers');
const { Admission, queueFull } = require('./admission');
const { Assignments } = require('./assignments');
const { Dispatcher } = require('./dispatcher');
const { CoordinatorJob } = require('./job');
const { JobQueue } = require('./queue');
const { ArrivalMeter } = require('./batcher');
const { Completion, late } = require('./completion');
const { EndedJobs } = require('./ended-jobs');
const { Recovery } = require('./recovery');
const { nowMs } = require('../../core');
const { kBase } = require('../../call');
const { codec, protocol } = require('../wire');

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
 * @property {(context: ContextView, job: CoordinatorJob) => void} onStuck a job there does not stop
 * @property {(context: ContextView, message: string) => void} onContextLost
 * @property {(member: Member) => void} onStopped it ends the jobs it has, and takes no more
 * @property {(job: Pick<CoordinatorJob, 'contextType'|'kind'>) => boolean} mayHave whether there is, was or may still
 *   come a context that fits a job
 * @property {(job: Pick<CoordinatorJob, 'contextType'|'kind'>) => string|undefined} goneFor why none will come any more
 * @property {() => import('../../operations').Degradation} degradation what is given up under overload
 * @property {import('./primary').Emit} emit
 */

const { done } = protocol;
const { number: kDoneNumber, code: kDoneCode, batch: kDoneBatch, switch: kDoneSwitch } = done;
const { upload: kDoneUpload, compute: kDoneCompute, readback: kDoneReadback } = done;
const kWatchMs = 100;
const kTimerMs = 2; // that a timer may come early

class Coordinator {
  assignments = new Assignments();
  /** @type {NodeJS.Timeout|undefined} */
  #deadlineTimer;
  #deadlineAt = Infinity;
  #watch;
  #admission;
  #completion;
  #dispatcher;
  #recovery;
  #arrivals = new ArrivalMeter();
  #endedBefore = 0;
  #endRate = 0;

  /** @param {CoordinatorParts} parts */
  constructor(parts) {
    this.parts = parts;
    this.config = parts.config;
    /** @type {JobQueue<CoordinatorJob>} */
    this.queue = new JobQueue({ limit: parts.config.queueLimit });
    this.ended = new EndedJobs();
    this.closing = false;
    this.#completion = new Completion({
      log: parts.log,
      metrics: parts.metrics,
      ended: this.ended,
      requeue: (job) => this.#requeue(job),
      onAloneSettled: () => this.#dispatcher.stopEmptying(),
    });
    this.#admission = new Admission(parts);
    this.#dispatcher = new Dispatcher({
      config: parts.config,
      queue: this.queue,
      assignments: this.assignments,
      arrivals: this.#arrivals,
      contexts: parts.contexts,
      batchSize: () => parts.degradation().batchOf(parts.config.batchSize),
      onDispatched: () => this.#armDeadline(),
    });
    this.#recovery = new Recovery({
      log: parts.log,
      metrics: parts.metrics,
      assignments: this.assignments,
      completion: this.#completion,
      requeue: (job) => this.#requeue(job),
      isClosing: () => this.closing,
    });
    this.#watch = setInterval(() => this.#look(), kWatchMs);
    this.#watch.unref();
  }

  get running() {
    return this.assignments.running.size;
  }

  get pending() {
    return this.queue.size;
  }

  /**
   * Whether a job is under way on memory that a member made.
   * @param {number} maker its serial number
   */
  usesMemoryOf(maker) {
    for (const job of this.assignments.running.values()) if (job.maker === maker) return true;
    return this.#completion.usesMemoryOf(maker);
  }

  /** Jobs that were told to stop and never will. */
  get givenUp() {
    return [...this.assignments.running.values()].filter((job) => job.isGivenUp).length;
  }

  /** Jobs that have not been settled. */
  get unsettled() {
    return this.queue.size + this.assignments.running.size;
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
    if (from.named !== undefined) job.takeId(from);
    from.asked.set(job.askNumber, job);
    if (this.closing)
      return this.#completion.settle(job, {
        code: 'ERR_CLOSED',
        message: 'the cluster is being closed and takes no more jobs',
      });
    const refusal = this.#admission.refuse(job, now);
    if (refusal) return this.#completion.settle(job, refusal);
    if (job.cacheKey && this.#completion.follow(job)) return undefined;
    if (job.joinKey) this.#arrivals.note(job.joinKey, now);
    job.before = this.queue.size;
    job.isQueued = this.queue.push(job);
    if (!job.isQueued) {
      const retryAfter = this.queue.retryAfter(now, this.#endRate);
      if (!from.inProcess) this.parts.emit('queue-full', () => ({ retryAfter })); // its own manager says so itself
      return this.#completion.settle(job, queueFull(this.config.queueLimit, retryAfter));
    }
    if (job.cacheKey) this.#completion.lead(job);
    return undefined;
  }

  /** Refuses what waits for contexts that won't come. */
  refuseHopeless() {
    for (const job of this.queue.removeWhere((each) => this.#admission.hopeless(each) !== undefined)) {
      job.isQueued = false;
      this.#completion.finish(job, /** @type {Ending} */ (this.#admission.hopeless(job)));
    }
  }

  /**
   * @param {Member} from
   * @param {number} askNumber
   */
  onCancel(from, askNumber) {
    const job = from.asked.get(askNumber);
    if (!job) return;
    // Its time is up there, though not yet here, perhaps.
    const isLate = job.deadline <= nowMs() + kTimerMs;
    const ending = isLate ? late(job) : { code: 'ERR_CANCELED', message: 'the job was canceled' };
    if (isLate) from.say({ type: 'where', number: askNumber, text: ending.message ?? '' });
    this.#cancel(job, ending);
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
      job.member.run?.post(protocol.withNumber(protocol.kCancel, job.number));
    }
  }

  /** Gives away what can be given. Called at the end of every batch of messages. */
  dispatch() {
    this.#dispatcher.dispatch();
  }

  // ---- jobs end

  /**
   * @param {Member} member
   * @param {Float64Array} numbers
   * @param {number} at
   */
  onDone(member, numbers, at) {
    const job = this.assignments.running.get(numbers[at + kDoneNumber]);
    if (!job || job.member !== member) return;
    const context = /** @type {ContextView} */ (job.context);
    const launch = /** @type {import('./job').Launch} */ (job.launch);
    this.assignments.takeBack(job);
    if (numbers[at + kDoneCode]) this.#onFailed(job, member, context, numbers, at);
    else this.#onSucceeded(job, context, launch, numbers, at);
  }

  /**
   * @param {CoordinatorJob} job
   * @param {ContextView} context
   * @param {import('./job').Launch} launch
   * @param {Float64Array} numbers
   * @param {number} at
   */
  #onSucceeded(job, context, launch, numbers, at) {
    const batch = numbers[at + kDoneBatch];
    const compute = numbers[at + kDoneCompute];
    ++context.ran;
    if (job.workload >= kBase) context.programs.add(job.workload);
    const first = !launch.isCounted;
    launch.isCounted = true;
    // A joined launch says how fast many together are, not one.
    if (batch === 1 && job.cost > 0.01) this.parts.speeds.note(context.device.id, job.workload, compute / job.cost);
    this.#completion.finish(job, {
      batch,
      launched: batch === 1 || first ? batch : 0,
      switch: numbers[at + kDoneSwitch],
      upload: numbers[at + kDoneUpload],
      compute,
      readback: numbers[at + kDoneReadback],
      member: context.member,
      context: context.index,
      contextId: context.id,
      queued: job.startedAt - job.enqueued,
      total: 0,
      startedAt: job.startedAt,
      part: launch.partOf(job, batch),
    });
  }

  /**
   * @param {CoordinatorJob} job
   * @param {Member} member
   * @param {ContextView} context
   * @param {Float64Array} numbers
   * @param {number} at
   */
  #onFailed(job, member, context, numbers, at) {
    const error = codec.readError(numbers, done, at);
    const { code } = error;
    if (code === 'ERR_DEVICE_LOST') {
      if (!member.takesJobs) this.parts.onStopped(member);
      else if (!context.isLost) this.parts.onContextLost(context, error.message);
      // One that only waited behind the job that lost the device has not run.
      const ran = numbers[at + kDoneSwitch] > 0;
      if (ran ? this.#recovery.tryAgain(job, code, context.id) : this.#recovery.bringBack(job, member)) return;
    } else if (!job.canceledAt && !this.closing && (code === 'ERR_CANCELED' || code === 'ERR_CLOSED')) {
      // Nobody has asked for that: its process is leaving, and stops what runs there.
      this.parts.onStopped(member);
      if (this.#recovery.bringBack(job, member)) return;
    }
    const ending = code === 'ERR_CANCELED' && job.canceledFor ? job.canceledFor : error;
    this.#completion.finish(job, { ...ending, contextId: context.id });
  }

  /** @param {CoordinatorJob} job */
  #requeue(job) {
    // What it needs may have gone for good while it was away; nothing would look at it again.
    const ending = this.#admission.hopeless(job);
    if (ending) this.#completion.finish(job, ending);
    else this.queue.requeue(job);
    job.isQueued = !ending;
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
   * A process has left and goes on without its contexts: what it had and has not answered is done elsewhere.
   * @param {Member} member
   */
  onMemberLeft(member) {
    this.#recovery.onMemberLeft(member);
  }

  /**
   * A process has ended. What it ran is tried elsewhere, what it asked for is of no use any more.
   * @param {Member} member
   */
  onMemberGone(member) {
    this.#recovery.onMemberGone(member);
    for (const job of [...member.asked.values()]) {
      job.from = undefined;
      if (job.copiesFrom)
        this.#completion.copied(job); // it won't copy any more
      else this.#cancel(job, { code: 'ERR_WORKER_LOST', message: 'the process that asked has ended' });
    }
    member.asked.clear();
    this.#completion.forget(member.slot);
    this.#dispatcher.forget(member);
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
    for (const job of this.queue.expired(nowMs())) {
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
    this.parts.degradation().look(now, this.queue.oldestAge(now));
    for (const job of this.assignments.running.values()) {
      if (!job.canceledAt && job.deadline <= now) this.#cancel(job, late(job));
      if (!job.canceledAt || now - job.canceledAt < this.config.contextSwitchTimeout || !job.member) continue;
      if (!this.#holdsUp(job) || job.isGivenUp) continue;
      this.parts.onStuck(/** @type {ContextView} */ (job.context), job);
      break;
    }
  }

  /**
   * A context of this process will never come to what waits in its lane: that goes back to the queue, as soon as the
   * lane has let it go.
   * @param {ContextView} context
   */
  onGivenUp(context) {
    for (const job of this.assignments.running.values())
      if (job.context === context && !job.canceledAt)
        job.member?.run?.post(protocol.withNumber(protocol.kCancel, job.number));
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
      job.isQueued = false;
      this.#completion.finish(job, ending);
    }
    for (const job of this.assignments.running.values()) this.#cancel(job, ending);
  }

  close() {
    clearInterval(this.#watch);
    clearTimeout(this.#deadlineTimer);
    this.#dispatcher.close();
  }
}

module.exports = { Coordinator };
