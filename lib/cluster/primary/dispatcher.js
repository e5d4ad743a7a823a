// Gives queued jobs to contexts: which job and which context are pure decisions; here they are asked for and carried
// out.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { chooseContext, memberToEmpty } = require('./scheduler');
const { joinLimit, companions, holdMs } = require('./batcher');
const { kWaits } = require('../journal');
const { nowMs } = require('../../core');

/** @typedef {import('./member').Member} Member */
/** @typedef {import('./job').CoordinatorJob} CoordinatorJob */
/** @typedef {import('./context-view').ContextView} ContextView */
/**
 * @typedef {object} DispatcherParts
 * @property {import('../../config/config').Config} config
 * @property {import('./queue').JobQueue<CoordinatorJob>} queue
 * @property {import('./assignments').Assignments} assignments
 * @property {import('./batcher').ArrivalMeter} arrivals
 * @property {() => ContextView[]} contexts those of all members
 * @property {() => number} batchSize small jobs that one launch may run together
 * @property {() => void} onDispatched the queue may have another deadline that is next
 */

const kLookAgainMs = 50; // while jobs wait
const kLookSoonMs = 1; // while they wait for what a process runs by itself, whose end nobody tells
const kLaunchMs = 0.03; // of a context that no launch was measured for

/** @param {ContextView[]} contexts */
function lookAgainMs(contexts) {
  return contexts.some(({ ownMs }) => ownMs > 0) ? kLookSoonMs : kLookAgainMs;
}

/** @param {ContextView} context of the coordinator's own process */
const isHere = ({ owner }) => owner.inProcess;

class Dispatcher {
  /** @type {NodeJS.Timeout|undefined} */
  #holdTimer;
  #holdAt = Infinity;
  /** @type {Member|undefined} the one that a job waits to be empty */
  #emptying;
  /** @type {import('./scheduler').Refusal} of the job that was looked at last */
  #refusal = { wait: 0, context: undefined };

  /** @param {DispatcherParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /** Gives away what can be given. Called at the end of every batch of messages. */
  dispatch() {
    const { queue } = this.parts;
    const contexts = this.parts.contexts();
    const now = nowMs();
    let held = Infinity;
    /** @type {ContextView|undefined} for the job that was looked at last */
    let chosen;
    const fits = (/** @type {CoordinatorJob} */ job) => {
      chosen = chooseContext(job, job.isLent ? contexts.filter(isHere) : contexts, now, this.#refusal);
      if (!chosen) {
        job.refused(this.#refusal);
        if (job.alone) this.#makeRoomFor(job, contexts, now);
        return false;
      }
      const wait = this.#hold(job, chosen, now);
      if (wait === 0) return true;
      held = Math.min(held, wait);
      job.waits |= kWaits.batch;
      return false;
    };
    while (queue.size) {
      chosen = undefined;
      const job = queue.next(now, fits);
      if (!job || !chosen) break;
      this.parts.assignments.assign(this.#withCompanions(job, chosen), chosen, now);
      if (job.alone) this.stopEmptying();
    }
    this.#armHold(queue.size ? Math.min(held, lookAgainMs(contexts)) : Infinity);
    this.parts.onDispatched();
  }

  /**
   * @param {CoordinatorJob} job
   * @param {ContextView} context
   * @returns {CoordinatorJob[]}
   */
  #withCompanions(job, context) {
    const max = this.parts.config.optimizations ? joinLimit(job, context, this.parts.batchSize()) : 1;
    const fits = companions(job, context);
    return this.parts.queue.takeMatching(job, max, (other) => other.contextType === job.contextType && fits(other));
  }

  /**
   * How long to wait for companions before a launch.
   * @param {CoordinatorJob} job
   * @param {ContextView} context
   * @param {number} now
   */
  #hold(job, context, now) {
    // On the CPU a launch costs next to nothing, so waiting gains nothing.
    if (!job.joinKey || !this.parts.config.optimizations || context.type === 'cpu') return 0;
    const arrivalMs = this.parts.arrivals.interval(job.joinKey, now);
    return holdMs({
      now,
      job,
      queued: this.parts.queue.joinable(job),
      arrivalMs,
      launchMs: kLaunchMs,
      slackMs: job.deadline - now - job.cost,
      context,
      most: this.parts.batchSize(),
    });
  }

  /**
   * Looks again after a while though nothing has happened: a held job goes, and a context may be waited for no longer.
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
    this.stopEmptying();
    const slot = memberToEmpty(job, contexts, now);
    this.#emptying = contexts.find(({ member }) => member === slot)?.owner;
    if (this.#emptying) this.#emptying.emptying = true;
  }

  stopEmptying() {
    if (this.#emptying) this.#emptying.emptying = false;
    this.#emptying = undefined;
  }

  /** @param {Member} member that has gone */
  forget(member) {
    if (this.#emptying === member) this.#emptying = undefined;
  }

  close() {
    clearTimeout(this.#holdTimer);
  }
}

module.exports = { Dispatcher };
