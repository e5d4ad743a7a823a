// What becomes of jobs whose context, process or device did not run them to their end: most go back to the queue.
'use strict';
const { late } = require('./completion');
const { nowMs } = require('../../core');

/** @typedef {import('./member').Member} Member */
/** @typedef {import('./job').CoordinatorJob} CoordinatorJob */
/**
 * @typedef {object} RecoveryParts
 * @property {import('../../core/log').Logger} log
 * @property {import('../../metrics/metrics').Metrics} metrics
 * @property {import('./assignments').Assignments} assignments
 * @property {import('./completion').Completion} completion
 * @property {(job: CoordinatorJob) => void} requeue
 * @property {() => boolean} isClosing whether nothing is tried again, because the cluster ends
 */

const kMaxReturns = 20; // times a job may come back without having run, before that is a failure of its own
const kPoisonDeaths = 2; // workers that end while a job runs, before it has to run alone

class Recovery {
  /** @param {RecoveryParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /**
   * Puts a job back that was not run to its end through no fault of its own.
   * @param {CoordinatorJob} job
   * @param {Member} member
   * @returns {boolean} false: nobody wants it any more, or it came back too often
   */
  bringBack(job, member) {
    if (isUnwanted(job) || this.parts.isClosing() || job.returns >= kMaxReturns) return false;
    --job.attempts;
    ++job.returns;
    job.excluded = member.slot;
    job.tried(`came back from worker ${member.workerId}, which takes no more jobs, without having run`);
    this.parts.requeue(job);
    return true;
  }

  /**
   * A process has left and goes on without its contexts: what it had and has not answered is done elsewhere.
   * @param {Member} member
   */
  onMemberLeft(member) {
    for (const job of [...member.jobs.values()]) {
      const where = job.context?.id;
      this.parts.assignments.takeBack(job);
      if (!this.bringBack(job, member))
        this.parts.completion.finish(job, {
          code: 'ERR_CANCELED',
          message: 'the job was canceled',
          contextId: where,
        });
    }
  }

  /**
   * Puts a job back that its context could not run.
   * @param {CoordinatorJob} job
   * @param {string} reason the code it would fail with
   * @param {string|undefined} where in which context it ran
   * @returns {boolean} false: its retries are used up, or nobody wants it any more
   */
  tryAgain(job, reason, where) {
    if (isUnwanted(job) || this.parts.isClosing() || job.attempts > job.retries) return false;
    this.parts.metrics.own.retried(reason);
    this.parts.log.info(
      { job: job.name, type: job.type, context: where, attempt: job.attempts, reason },
      'a job is tried again',
    );
    job.tried(`attempt ${job.attempts} on ${where} ended with ${reason}: it is tried again`);
    this.parts.requeue(job);
    return true;
  }

  /**
   * A process has ended: what it ran is tried elsewhere.
   * @param {Member} member
   */
  onMemberGone(member) {
    /** @type {Set<number>} */
    const started = new Set();
    for (const context of member.contexts) for (const number of context.started()) started.add(number);
    for (const job of [...member.jobs.values()]) {
      const ran = started.has(job.number) || started.has(job.launch?.leader ?? -1);
      const where = job.context?.id;
      this.parts.assignments.takeBack(job);
      this.#afterDeath(job, member, ran, where);
    }
  }

  /**
   * @param {CoordinatorJob} job
   * @param {Member} member
   * @param {boolean} ran it had begun when the process ended
   * @param {string|undefined} where in which context
   */
  #afterDeath(job, member, ran, where) {
    if (ran) {
      ++job.deaths;
      if (job.deaths >= kPoisonDeaths) job.alone = true;
      job.excluded = member.slot;
    } else {
      --job.attempts; // it did not run
      ++job.returns;
    }
    if (isUnwanted(job)) {
      const isLate = job.deadline <= nowMs();
      const canceled = { code: 'ERR_CANCELED', message: 'the job was canceled' };
      const ending = job.canceledFor ?? (isLate ? late(job) : canceled);
      this.parts.completion.finish(job, { ...ending, contextId: where });
      return;
    }
    if (ran ? this.tryAgain(job, 'ERR_WORKER_LOST', where) : job.returns <= kMaxReturns) {
      if (!ran) {
        job.tried(`worker ${member.workerId} ended before it ran there`);
        this.parts.requeue(job);
      }
      return;
    }
    const times = ran
      ? `while it ran (${job.deaths} time${job.deaths > 1 ? 's' : ''}; retries: ${job.retries})`
      : `before it ran, ${job.returns} times`;
    this.parts.completion.finish(job, {
      code: 'ERR_WORKER_LOST',
      message: `the worker process of the job ended ${times}; the last one on ${where}`,
      contextId: where,
    });
  }
}

/**
 * Nobody waits for it any more.
 * @param {CoordinatorJob} job
 */
function isUnwanted(job) {
  return job.canceledAt > 0 || (!job.from && !job.followers?.length);
}

module.exports = { Recovery };
