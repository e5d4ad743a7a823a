// The jobs of this process that the coordinator does not know of: those that run on its own contexts, those whose
// memory is made ready before they are asked for, and the last of the former that ended.
'use strict';
const { JobRing, kOwn, at, nameOf, matcher, stepsOf, epochOf } = require('../journal');
const { codeNumber } = require('../../addon');
const { nowMs } = require('../../core');

/** @typedef {import('../wire/messages').NumberedJob} NumberedJob */
/** @typedef {import('../../index').JobOptions} JobOptions */
/** @typedef {import('../../index').Timings} Timings */
/**
 * @typedef {object} OwnJob
 * @property {number} number
 * @property {string|undefined} id given by its user
 * @property {string} type
 * @property {number} asked ms
 * @property {number} deadline ms, Infinity for none
 * @property {number} priority
 * @property {number} cost ms
 * @property {string|undefined} context undefined: its memory is being made ready
 */

const kNoTimings = { upload: 0, compute: 0, readback: 0 };

class OwnJobs {
  /** @type {Map<number, OwnJob>} by number */
  #live = new Map();
  /** Made with the first that ends: a worker that only runs others' jobs never has one. @type {JobRing|undefined} */
  #ring;
  #workerId;

  /** @param {number} workerId */
  constructor(workerId) {
    this.#workerId = workerId;
  }

  /**
   * A job has begun on a context of this process and goes on, or its memory is being made ready.
   * @param {number} number
   * @param {string|undefined} id
   * @param {string} type
   * @param {JobOptions|undefined} options
   * @param {number} asked
   * @param {number} deadline
   * @param {number} cost
   * @param {string|undefined} context
   */
  begun(number, id, type, options, asked, deadline, cost, context) {
    this.#live.set(number, { number, id, type, asked, deadline, priority: options?.priority ?? 0, cost, context });
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
    const { id, type, asked, deadline, priority, cost } = job;
    const now = nowMs();
    const start = this.#add(number, id, type, job.context, asked, now, timings ?? kNoTimings, error?.message);
    const { numbers } = /** @type {JobRing} */ (this.#ring);
    numbers[start + at.deadline] = deadline;
    numbers[start + at.priority] = priority;
    numbers[start + at.cost] = cost;
    numbers[start + at.code] = error ? codeNumber(error.code) : 0;
  }

  /**
   * A job was over within its call.
   * @param {number} number
   * @param {string|undefined} id
   * @param {string} type
   * @param {JobOptions|undefined} options
   * @param {string} context
   * @param {number} asked
   * @param {number} timeout ms
   * @param {Timings} timings
   */
  ran(number, id, type, options, context, asked, timeout, timings) {
    const start = this.#add(number, id, type, context, asked, asked + timings.total, timings, undefined);
    const { numbers } = /** @type {JobRing} */ (this.#ring);
    numbers[start + at.deadline] = asked + timeout;
    numbers[start + at.priority] = options?.priority ?? 0;
    numbers[start + at.cost] = 0;
    numbers[start + at.code] = 0;
  }

  /**
   * @param {number} number
   * @param {string|undefined} id
   * @param {string} type
   * @param {string|undefined} context
   * @param {number} asked
   * @param {number} ended
   * @param {Pick<Timings, 'upload'|'compute'|'readback'>} timings
   * @param {string|undefined} message
   * @returns {number} where the record's other numbers are to be written
   */
  #add(number, id, type, context, asked, ended, { upload, compute, readback }, message) {
    const ring = (this.#ring ??= new JobRing());
    const { numbers } = ring;
    const start = ring.add(id, type, context, undefined, message);
    numbers[start + at.number] = number;
    numbers[start + at.requester] = this.#workerId;
    numbers[start + at.asked] = asked;
    numbers[start + at.ended] = ended;
    numbers[start + at.upload] = upload;
    numbers[start + at.compute] = compute;
    numbers[start + at.readback] = readback;
    numbers[start + at.flags] = context === undefined ? 0 : kOwn;
    numbers[start + at.came] = context === undefined ? ended : asked;
    return start;
  }

  /**
   * What the coordinator asks for.
   * @param {number} number of its question
   * @param {string|undefined} id undefined: those that are under way
   * @returns {import('../wire/messages').FollowedMessage}
   */
  answer(number, id) {
    const isFull = this.#ring?.isFull ?? false;
    if (id === undefined) return { type: 'followed', number, jobs: this.#listed(), isFull };
    const found = this.#find(id);
    return { type: 'followed', number, isFull, ...(found ? { found } : {}) };
  }

  /** @returns {NumberedJob[]} */
  #listed() {
    const now = nowMs();
    return [...this.#live.values()].map((job) => ({
      number: job.number,
      id: job.id ?? nameOf(this.#workerId, job.number),
      type: job.type,
      state: job.context === undefined ? 'queued' : 'running',
      sinceMs: Math.max(0, now - job.asked),
      priority: job.priority,
      deadline: job.deadline === Infinity ? null : epochOf(job.deadline),
      costMs: job.cost,
      ...(job.context === undefined ? { reason: kStaging } : { contextId: job.context }),
    }));
  }

  /**
   * @param {string} id
   * @returns {{ asked: number, steps: string[] }|undefined}
   */
  #find(id) {
    const isIt = matcher(id);
    let best = this.#ring?.find(id);
    let now = '';
    for (const job of this.#live.values()) {
      if (!isIt(job.id, this.#workerId, job.number) || (best && best.asked > job.asked)) continue;
      best = this.#factsOf(job);
      now = job.context === undefined ? kStaging : `runs on ${job.context}`;
    }
    if (!best) return undefined;
    return { asked: best.asked, steps: best.end ? stepsOf(best) : [...stepsOf(best), `now: ${now}`] };
  }

  /**
   * @param {OwnJob} job
   * @returns {import('../journal').JobFacts}
   */
  #factsOf({ id, number, context, ...rest }) {
    return {
      ...rest,
      id: id ?? nameOf(this.#workerId, number),
      requester: this.#workerId,
      context,
      came: rest.asked,
      waits: 0,
      before: 0,
      waitedFor: undefined,
      given: 0,
      held: 0,
      attempts: 1,
      tries: undefined,
      own: context !== undefined,
      cached: false,
      end: undefined,
    };
  }
}

const kStaging = 'its memory is being made ready: large inputs are copied for other processes to see';

module.exports = { OwnJobs };
