// The jobs of this process that the coordinator does not know of: those that run on its own contexts, those whose
// memory is made ready before they are asked for, and the last of the former that ended.
'use strict';
const {
  JobRing,
  kOwn,
  kSplit,
  at,
  typeOf,
  detailsOf,
  kDetailed,
  nameOf,
  matcher,
  cutId,
  stepsOf,
  epochOf,
} = require('../journal');
const { native, codeNumber } = require('../../addon');
const { scratch, layout } = require('../../call');
const { nowMs } = require('../../core');

/** @typedef {import('../wire/messages').NumberedJob} NumberedJob */
/** @typedef {import('../../index').JobOptions} JobOptions */
/** @typedef {import('../../index').Timings} Timings */
/** @typedef {import('./ran-jobs').RanJobs} RanJobs */
/**
 * @typedef {object} OwnJob
 * @property {number} number
 * @property {string|undefined} id given by its user
 * @property {number} counted which workload, by its place in countedNames; -1: a graph
 * @property {number} asked ms
 * @property {number} deadline ms, Infinity for none
 * @property {number} priority
 * @property {number} cost ms
 * @property {string|undefined} context undefined: its memory is being made ready, or `reason` says what else
 * @property {string} [reason] why it is where it is
 * @property {string[]} [parts] of one that was cut: what became of each
 */

const { progressDone, progressTotal } = layout;
/** Jobs that one answer tells of. */
const kMostTold = 10_000;
const kMostBytes = 32 << 20; // of the answer: half of what a message may have
const kOfChar = 6; // bytes at most, as JSON
const kOfJob = 512; // of all else that is told of it
const kNoTimings = { upload: 0, compute: 0, readback: 0 };

class OwnJobs {
  /** @type {Map<number, OwnJob>} by number */
  #live = new Map();
  /** Made with the first that ends: a worker that only runs others' jobs never has one. @type {JobRing|undefined} */
  #ring;
  #ran;
  #workerId;

  /**
   * @param {number} workerId
   * @param {RanJobs} ran those that ended within their calls
   */
  constructor(workerId, ran) {
    this.#workerId = workerId;
    this.#ran = ran;
  }

  /**
   * A job has begun on a context of this process and goes on, or its memory is being made ready.
   * @param {number} number
   * @param {string|undefined} id
   * @param {number} counted
   * @param {JobOptions|undefined} options
   * @param {number} asked
   * @param {number} deadline
   * @param {number} cost
   * @param {string|undefined} context
   */
  begun(number, id, counted, options, asked, deadline, cost, context) {
    const priority = options?.priority ?? 0;
    const told = id === undefined ? id : cutId(id);
    this.#live.set(number, { number, id: told, counted, asked, deadline, priority, cost, context });
  }

  /**
   * What there is to say of a job that begun() was told of, and that runs nowhere itself.
   * @param {number} number
   * @param {string} reason why it is where it is
   * @param {string[]} [parts] what became of each of its parts: they are under way
   */
  say(number, reason, parts) {
    const job = this.#live.get(number);
    if (job) Object.assign(job, { reason, parts });
  }

  /** @param {number} number of one that the coordinator knows of from now on, or that nobody wants any more */
  left(number) {
    this.#live.delete(number);
  }

  /**
   * A job that begun() was told of has ended.
   * @param {number} number
   * @param {Timings|undefined} timings
   * @param {{ code: string, message: string }} [error]
   */
  ended(number, timings, error) {
    const job = this.#live.get(number);
    if (!job) return;
    this.#live.delete(number);
    const { id, counted, asked, deadline, priority, cost, context, parts } = job;
    const { upload, compute, readback } = timings ?? kNoTimings;
    const now = nowMs();
    const ring = (this.#ring ??= new JobRing());
    const place = ring.next();
    ring.contexts[place] = context;
    ring.details[place] = detailsOf(id, error?.message, parts);
    /** @type {[number, number][]} */
    const numbers = [
      [at.number, number],
      [at.code, error ? codeNumber(error.code) : 0],
      [at.batch, 1],
      [at.switch, 0],
      [at.upload, upload],
      [at.compute, compute],
      [at.readback, readback],
      [at.given, 0],
      [at.attempts, 1],
      [at.flags, parts ? kSplit : context === undefined ? 0 : kOwn],
      [at.requester, this.#workerId],
      [at.asked, asked],
      [at.came, context === undefined && !parts ? now : asked],
      [at.ended, now],
      [at.deadline, deadline],
      [at.priority, priority],
      [at.cost, cost],
      [at.waits, kDetailed],
      [at.counted, counted],
    ];
    for (const [field, value] of numbers) ring.numbers[place * at.numbers + field] = value;
  }

  /**
   * What the coordinator asks for.
   * @param {number} number of its question
   * @param {string|undefined} id undefined: those that are under way
   * @returns {import('../wire/messages').FollowedMessage}
   */
  answer(number, id) {
    const isFull = Boolean(this.#ring?.isFull || this.#ran.isFull);
    if (id === undefined) {
      const jobs = this.#listed();
      const leftOut = this.#live.size - jobs.length;
      return { type: 'followed', number, jobs, isFull, ...(leftOut > 0 ? { leftOut } : {}) };
    }
    const found = this.#find(id);
    return { type: 'followed', number, isFull, ...(found ? { found } : {}) };
  }

  /** @returns {NumberedJob[]} those that were asked for first, as many as are told */
  #listed() {
    const now = nowMs();
    const jobs = [];
    let bytes = 0;
    for (const job of this.#live.values()) {
      const told = this.#describe(job, now);
      bytes += kOfJob + kOfChar * (told.id.length + (told.reason?.length ?? 0));
      if (jobs.length === kMostTold || bytes > kMostBytes) break;
      jobs.push(told);
    }
    return jobs;
  }

  /** @returns {import('../wire/messages').Step[]} how far those are that tell it */
  steps() {
    const steps = [];
    for (const { number, id, counted, context } of this.#live.values()) {
      if (context === undefined || !native.progressOf(number)) continue;
      const [done, total] = [scratch[progressDone], scratch[progressTotal]];
      steps.push({ number, id: id ?? nameOf(this.#workerId, number), type: typeOf(counted), context, done, total });
    }
    return steps;
  }

  /**
   * @param {OwnJob} job
   * @param {number} now
   * @returns {NumberedJob}
   */
  #describe(job, now) {
    return {
      number: job.number,
      id: job.id ?? nameOf(this.#workerId, job.number),
      type: typeOf(job.counted),
      state: job.context === undefined && !job.parts ? 'queued' : 'running',
      sinceMs: Math.max(0, now - job.asked),
      priority: job.priority,
      deadline: job.deadline === Infinity ? null : epochOf(job.deadline),
      costMs: job.cost,
      ...(job.context === undefined ? { reason: job.reason ?? kStaging } : { contextId: job.context }),
      ...(job.context !== undefined && native.progressOf(job.number)
        ? { progress: { done: scratch[progressDone], total: scratch[progressTotal] } }
        : {}),
    };
  }

  /**
   * @param {string} id
   * @returns {{ asked: number, steps: string[] }|undefined}
   */
  #find(id) {
    const isIt = matcher(id);
    let best = this.#ring?.find(id);
    const ran = this.#ran.find(id);
    if (ran && (!best || ran.asked > best.asked)) best = ran;
    let now = '';
    for (const job of this.#live.values()) {
      if (!isIt(job.id, this.#workerId, job.number) || (best && best.asked > job.asked)) continue;
      best = this.#factsOf(job);
      now = job.context === undefined ? (job.reason ?? kStaging) : `runs on ${job.context}`;
    }
    if (!best) return undefined;
    return { asked: best.asked, steps: best.end ? stepsOf(best) : [...stepsOf(best), `now: ${now}`] };
  }

  /**
   * @param {OwnJob} job
   * @returns {import('../journal').JobFacts}
   */
  #factsOf({ id, number, counted, context, ...rest }) {
    return {
      ...rest,
      id: id ?? nameOf(this.#workerId, number),
      type: typeOf(counted),
      requester: this.#workerId,
      context,
      came: rest.asked,
      waits: 0,
      before: 0,
      waitedFor: undefined,
      given: 0,
      attempts: 1,
      tries: rest.parts,
      own: context !== undefined,
      isSplit: rest.parts !== undefined,
      cached: false,
      end: undefined,
    };
  }
}

const kStaging = 'its memory is being made ready: large inputs are copied, the memory of large outputs is touched';

module.exports = { OwnJobs };
