// Which job is on which context: given there in one message, and taken back when it ends or its process does.
'use strict';
const { Launch } = require('./job');
const { kHeld } = require('../journal');
const { protocol } = require('../wire');

/** @typedef {import('./job').CoordinatorJob} CoordinatorJob */
/** @typedef {import('./context-view').ContextView} ContextView */

const { assign, kTypeAt } = protocol;
const { context: kAssignContext, count: kAssignCount, decided: kAssignDecided, jobs: kAssignJobs } = assign;
const { number: kJobNumber, length: kBodyLength, body: kBody } = protocol.assigned;

class Assignments {
  /** @type {Map<number, CoordinatorJob>} by number */
  running = new Map();
  #outbox = new Float64Array(1024); // grows with what is sent

  /**
   * @param {CoordinatorJob[]} jobs
   * @param {ContextView} context
   * @param {number} now
   */
  assign(jobs, context, now) {
    const member = context.owner;
    const launch = new Launch(jobs, member, context);
    let length = kAssignJobs;
    for (const { body } of jobs) length += kBody + body.length;
    if (this.#outbox.length < length) this.#outbox = new Float64Array(2 * length);
    const out = this.#outbox;
    out[0] = length;
    out[kTypeAt] = protocol.kAssign;
    out[kAssignContext] = context.index;
    out[kAssignDecided] = now;
    out[kAssignCount] = jobs.length;
    let at = kAssignJobs;
    for (const job of jobs) {
      out[at + kJobNumber] = job.number;
      out[at + kBodyLength] = job.body.length;
      out.set(job.body, at + kBody);
      at += kBody + job.body.length;
      job.isQueued = false;
      job.member = member;
      job.context = context;
      job.launch = launch;
      job.startedAt = now;
      ++job.attempts;
      this.running.set(job.number, job);
      member.jobs.set(job.number, job);
      if (job.affinity) context.affinities.add(job.affinity);
      for (const input of job.inputs) {
        if (context.holds(input)) job.waits |= kHeld;
        context.resident.add(input);
      }
    }
    ++context.assigned;
    context.assignedMs += launch.cost;
    context.usedAt = now;
    ++member.launches;
    if (jobs[0].alone) member.exclusive = true;
    member.run?.post(out, length);
  }

  /**
   * A job is not where it was assigned any more.
   * @param {CoordinatorJob} job
   */
  takeBack(job) {
    const { member, context, launch } = job;
    this.running.delete(job.number);
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
}

module.exports = { Assignments };
