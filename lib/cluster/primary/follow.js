// Jobs that can be followed: those under way, why each is where it is, and what became of the last that ended. The
// coordinator knows what it was asked for; what a process runs on its own contexts, that process is asked for.
'use strict';
const { factsOf } = require('./ended-jobs');
const { Waiting } = require('./waiting');
const { kKept, matcher, cutId, nameOf, typeOf, processOf, stepsOf, epochOf, counted } = require('../journal');
const { GPUError, afterReading, nowMs, show } = require('../../core');

/** @typedef {import('./member').Member} Member */
/** @typedef {import('./job').CoordinatorJob} CoordinatorJob */
/** @typedef {import('../../index').JobInfo} JobInfo */
/** @typedef {import('../wire/messages').FollowedMessage} FollowedMessage */
/**
 * A question to a member's event loop.
 * @typedef {{ member: Member, resolve: (answer: FollowedMessage|undefined) => void }} Question
 */
/**
 * @typedef {object} FollowParts
 * @property {import('./coordinator').Coordinator} coordinator
 * @property {() => import('./context-view').ContextView[]} contexts of all members
 * @property {() => Member[]} members those with a process
 * @property {import('../../core/log').Logger} log
 */

const kAnswerMs = 250; // for a member's event loop to answer: one that is blocked is not waited for any longer

class Follow {
  /** @type {Map<number, Question>} */
  #questions = new Map();
  #lastNumber = 0;

  /** @param {FollowParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /** @returns {Promise<JobInfo[]>} every job under way: the coordinator's as they came, then others */
  async jobs() {
    const { answers, silent } = await this.#askAll(undefined);
    for (const { member, answer } of answers) if (answer.leftOut) this.#tellLeftOut(member, answer.leftOut);
    // What came here since it was told is in both.
    const others = answers.flatMap(({ member, answer: { jobs = [] } }) =>
      jobs.filter(({ number }) => !member.asked.has(number)),
    );
    const unheard = silent.flatMap((member) => member.ownJobs.map(describeOwn));
    return [...this.#listed(), ...others.map(({ number: _, ...job }) => job), ...unheard];
  }

  /**
   * @param {string} id
   * @returns {Promise<string[]>} the steps and waits of a job, in the order in which they were
   * @throws {GPUError} ERR_NOT_FOUND
   */
  async why(id) {
    const { answers, silent } = await this.#askAll(id);
    const isIt = matcher(id);
    /** @type {CoordinatorJob|undefined} */
    let live;
    for (const job of this.#live())
      if (isIt(job.id, job.workerId, job.askNumber) && (!live || job.asked >= live.asked)) live = job;
    const ended = this.parts.coordinator.ended.find(id);
    if (ended && live && ended.asked > live.asked) live = undefined;
    const facts = live ? factsOf(live) : ended;
    let best = facts && { asked: facts.asked, steps: live ? this.#stepsOf(live) : stepsOf(facts) };
    for (const {
      answer: { found },
    } of answers)
      if (found && (!best || found.asked > best.asked)) best = found;
    if (best) return best.steps;
    throw notFound(id, this.parts.coordinator.ended.isFull || answers.some(({ answer }) => answer.isFull), silent);
  }

  /**
   * How far the jobs are that a process has asked for, of those that tell it; parts of others are no jobs to it.
   * @param {Member} member
   * @returns {import('../wire/messages').Step[]}
   */
  progress({ asked }) {
    return [...asked.values()].flatMap(({ number, askNumber, name, type, context, home }) => {
      const progress = home ? undefined : context?.progressOf(number);
      return context && progress ? [{ number: askNumber, id: name, type, context: context.id, ...progress }] : [];
    });
  }

  /**
   * @param {Member} member
   * @param {number} count
   */
  #tellLeftOut({ workerId }, count) {
    const what = `jobs() leaves out ${counted(count, 'job')} of ${processOf(workerId)}`;
    this.parts.log.warn({ worker: workerId }, `${what}, which has more than it tells of`);
  }

  /** @returns {Set<CoordinatorJob>} those that have not been settled */
  #live() {
    const { queue, assignments } = this.parts.coordinator;
    /** @type {Set<CoordinatorJob>} */
    const live = new Set(assignments.running.values());
    queue.forEach((job) => live.add(job));
    for (const { asked } of this.parts.members()) for (const job of asked.values()) live.add(job);
    return live;
  }

  /** @returns {JobInfo[]} */
  #listed() {
    const { queue } = this.parts.coordinator;
    const now = nowMs();
    const live = this.#live();
    const waiting = new Waiting(this.parts.contexts(), live, now);
    /** @type {Map<CoordinatorJob, number>} */
    const places = new Map();
    queue.forEach((job, before) => places.set(job, before));
    return [...live]
      .sort((a, b) => a.number - b.number)
      .map((job) => describe(job, waiting.costMs(job), waiting.reason(job, places.get(job) ?? 0), now));
  }

  /** @param {CoordinatorJob} job that has not ended */
  #stepsOf(job) {
    const now = nowMs();
    const { running } = this.parts.coordinator.assignments;
    const waiting = new Waiting(this.parts.contexts(), running.values(), now);
    let before = 0;
    for (let other = job.q_before; other; other = other.q_before) ++before;
    const reason = waiting.reason(job, before) ?? `runs on ${job.context?.id}`;
    return [...stepsOf(factsOf(job)), `now: ${reason}`];
  }

  /**
   * @param {string|undefined} id of the job that is looked for; undefined: all that are under way
   * @returns {Promise<{ answers: { member: Member, answer: FollowedMessage }[], silent: Member[] }>}
   */
  async #askAll(id) {
    const members = this.parts.members().filter(({ ask }) => ask);
    const answers = await Promise.all(members.map((member) => this.#ask(member, id === undefined ? id : cutId(id))));
    return {
      answers: answers.flatMap((answer, i) => (answer ? { member: members[i], answer } : [])),
      silent: members.filter((_, i) => !answers[i]),
    };
  }

  /**
   * @param {Member} member
   * @param {string|undefined} id
   * @returns {Promise<FollowedMessage|undefined>} undefined: it does not answer
   */
  #ask(member, id) {
    const number = ++this.#lastNumber;
    return new Promise((resolve) => {
      const end = afterReading(kAnswerMs, () => this.#answered(number, undefined), true);
      this.#questions.set(number, {
        member,
        resolve: (answer) => {
          end();
          resolve(answer);
        },
      });
      member.say({ type: 'follow', number, id });
    });
  }

  /**
   * @param {number} number
   * @param {FollowedMessage|undefined} answer
   */
  #answered(number, answer) {
    const question = this.#questions.get(number);
    this.#questions.delete(number);
    question?.resolve(answer);
  }

  /**
   * @param {Member} member
   * @param {FollowedMessage} message
   */
  onAnswer(member, message) {
    if (this.#questions.get(message.number)?.member === member) this.#answered(message.number, message);
  }

  /** @param {Member} member that has gone */
  forget(member) {
    for (const [number, question] of this.#questions) if (question.member === member) this.#answered(number, undefined);
  }
}

/**
 * @param {CoordinatorJob} job
 * @param {number} costMs
 * @param {string|undefined} reason
 * @param {number} now
 * @returns {JobInfo}
 */
function describe(job, costMs, reason, now) {
  const progress = job.context?.progressOf(job.number);
  const isRunning = job.context !== undefined || job.copies > 0 || job.copiesFrom !== undefined;
  return {
    id: job.name,
    type: job.type,
    state: isRunning ? 'running' : 'queued',
    sinceMs: Math.max(0, now - (job.context ? job.startedAt : job.enqueued)),
    priority: job.priority,
    deadline: job.deadline === Infinity ? null : epochOf(job.deadline),
    costMs,
    ...(job.context ? { contextId: job.context.id } : {}),
    ...(reason === undefined ? {} : { reason }),
    ...(progress ? { progress } : {}),
  };
}

/**
 * A job of a process that does not answer, as its status page has it.
 * @param {import('./context-view').OwnJob} job
 * @returns {JobInfo}
 */
function describeOwn({ context, number, counted: place, priority, deadline, cost, since }) {
  return {
    id: nameOf(context.workerId, number),
    type: typeOf(place),
    state: 'running',
    sinceMs: Math.max(0, nowMs() - since),
    priority,
    deadline: deadline === Infinity ? null : epochOf(deadline),
    costMs: cost,
    contextId: context.id,
    reason:
      `${processOf(context.workerId)} runs it by itself, and its event loop does not answer: ` +
      'whether it has ended, and an id that its user gave it, are not known',
  };
}

/**
 * @param {string} id
 * @param {boolean} isFull some that have ended were forgotten
 * @param {Member[]} silent
 */
function notFound(id, isFull, silent) {
  const kept = isFull ? `, or it is none of the last ${kKept} that ended, which are kept` : '';
  const workers = silent.map(({ workerId }) => workerId).join(', ');
  const missed = workers
    ? `; worker ${workers} did not answer within ${kAnswerMs} ms, and may have run it on a context of its own`
    : '';
  return new GPUError('ERR_NOT_FOUND', `no job ${show(id)} was asked for${kept}${missed}`);
}

module.exports = { Follow };
