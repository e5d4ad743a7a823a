// The coordinator's record of the jobs that ended last, and what it knows of those that have not.
'use strict';
const { JobRing, kCached, at } = require('../journal');
const { protocol } = require('../wire');

/** @typedef {import('./job').CoordinatorJob} CoordinatorJob */
/** @typedef {import('./completion').Ending} Ending */

class EndedJobs {
  #ring = new JobRing();

  /** Whether some have been forgotten. */
  get isFull() {
    return this.#ring.isFull;
  }

  /** @param {string} id */
  find(id) {
    return this.#ring.find(id);
  }

  /**
   * A job is settled.
   * @param {CoordinatorJob} job
   * @param {Ending} ending
   * @param {number} now
   */
  note(job, ending, now) {
    const ring = this.#ring;
    const waitedFor = job.waitedFor?.id;
    const start = ring.add(job.id, job.type, ending.contextId, waitedFor, ending.message, job.tries);
    const { numbers } = ring;
    numbers[start + at.number] = job.askNumber;
    numbers[start + at.requester] = job.workerId;
    numbers[start + at.asked] = job.asked;
    numbers[start + at.came] = job.enqueued;
    numbers[start + at.deadline] = job.deadline;
    numbers[start + at.priority] = job.priority;
    numbers[start + at.cost] = job.cost;
    numbers[start + at.waits] = job.waits;
    numbers[start + at.before] = job.before;
    numbers[start + at.given] = job.startedAt;
    numbers[start + at.held] = job.held;
    numbers[start + at.attempts] = job.attempts;
    numbers[start + at.ended] = now;
    numbers[start + at.code] = ending.code ? protocol.codeNumber(ending.code) : 0;
    numbers[start + at.batch] = ending.batch ?? 1;
    numbers[start + at.switch] = ending.switch ?? 0;
    numbers[start + at.upload] = ending.upload ?? 0;
    numbers[start + at.compute] = ending.compute ?? 0;
    numbers[start + at.readback] = ending.readback ?? 0;
    numbers[start + at.flags] = ending.cached ? kCached : 0;
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
    held: job.held,
    attempts: job.attempts,
    tries: job.tries,
    own: false,
    cached: false,
    end: undefined,
  };
}

module.exports = { EndedJobs, factsOf };
