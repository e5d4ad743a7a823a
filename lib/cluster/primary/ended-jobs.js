// The coordinator's record of the jobs that ended last, and what it knows of those that have not.
'use strict';
const { JobRing, detailsOf, kDetailed, at } = require('../journal');

/** @typedef {import('./job').CoordinatorJob} CoordinatorJob */
/** @typedef {import('./completion').Ending} Ending */

// Each on its own: this is done for every job.
const {
  given: kGiven,
  requester: kRequester,
  asked: kAsked,
  came: kCame,
  ended: kEnded,
  deadline: kDeadline,
  priority: kPriority,
  cost: kCost,
  waits: kWaitBits,
  before: kBefore,
  counted: kCounted,
  numbers: kNumbers,
} = at;

class EndedJobs {
  ring = new JobRing();

  /** Whether some have been forgotten. */
  get isFull() {
    return this.ring.isFull;
  }

  /** @param {string} id */
  find(id) {
    return this.ring.find(id);
  }

  /**
   * A job is settled. Most of what is kept stands in its result, and is copied from there in one piece.
   * @param {CoordinatorJob} job
   * @param {Ending} ending
   * @param {Float64Array} result its message, from the number on
   * @param {number} counted as a job of which workload
   * @param {number} now
   */
  note(job, ending, result, counted, now) {
    const { ring } = this;
    const place = ring.next();
    const { numbers } = ring;
    const start = place * kNumbers;
    let { waits } = job;
    numbers.set(result, start);
    ring.contexts[place] = ending.contextId;
    ring.waitedFor[place] = job.waitedFor?.id;
    if (job.id !== undefined || job.tries !== undefined || ending.code) {
      waits |= kDetailed;
      ring.details[place] = detailsOf(job.id, ending.message, job.tries);
      // One that ended in the queue may have been given to a context before: its earlier attempts say to which.
      numbers[start + kGiven] = ending.contextId === undefined ? 0 : job.startedAt;
    }
    numbers[start + kRequester] = job.workerId;
    numbers[start + kAsked] = job.asked;
    numbers[start + kCame] = job.enqueued;
    numbers[start + kEnded] = now;
    numbers[start + kDeadline] = job.deadline;
    numbers[start + kPriority] = job.priority;
    numbers[start + kCost] = job.cost;
    numbers[start + kWaitBits] = waits;
    numbers[start + kBefore] = job.before;
    numbers[start + kCounted] = counted;
  }
}

/**
 * @param {CoordinatorJob} job that has not ended
 * @returns {import('../journal').JobFacts}
 */
function factsOf(job) {
  return {
    id: job.name,
    type: job.type,
    requester: job.workerId,
    asked: job.asked,
    came: job.enqueued,
    deadline: job.deadline,
    priority: job.priority,
    cost: job.cost,
    waits: job.waits,
    before: job.before,
    waitedFor: job.waitedFor?.id,
    given: job.context ? job.startedAt : 0,
    context: job.context?.id,
    attempts: job.attempts,
    tries: job.tries,
    own: false,
    isSplit: false,
    cached: false,
    end: undefined,
  };
}

module.exports = { EndedJobs, factsOf };
