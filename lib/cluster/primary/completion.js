// How jobs end: exactly once each, equal ones together, and who is told.
'use strict';
const { nowMs, plainError, withoutPaths } = require('../../core');
const { protocol } = require('../wire');

/** @typedef {import('./member').Member} Member */
/** @typedef {import('./job').CoordinatorJob} CoordinatorJob */
/**
 * How a job ended: with an error, or as it ran.
 * @typedef {{ code?: string, message?: string } & import('../../core/errors').ErrorDetails & Run} Ending
 */
/**
 * The times in ms.
 * @typedef {object} Run
 * @property {number} [batch] how many ran together
 * @property {number} [launched] the same, with one job of them; 0 with the others
 * @property {number} [switch]
 * @property {number} [upload]
 * @property {number} [compute]
 * @property {number} [readback]
 * @property {number} [member]
 * @property {number} [context] its place in the member
 * @property {string} [contextId] where it ran
 * @property {number} [queued]
 * @property {number} [total] since the coordinator was asked
 * @property {number} [startedAt] ms of CLOCK_MONOTONIC
 * @property {boolean} [cached]
 * @property {number} [part] of what its launch took, 0..1
 * @property {Float64Array} [shared] where an equal job has put its outputs
 */
/**
 * @typedef {object} CompletionParts
 * @property {import('../../core/log').Logger} log
 * @property {import('../../metrics/metrics').Metrics} metrics
 * @property {import('./ended-jobs').EndedJobs} ended
 * @property {(job: CoordinatorJob) => void} requeue a job that has to make the outputs itself now
 * @property {() => void} onAloneSettled a job that has to run alone may have waited for its place
 */

const { result, kTypeAt } = protocol;
// Each on its own: this is done for every job.
const {
  number: kAtNumber,
  code: kAtCode,
  batch: kAtBatch,
  switch: kAtSwitch,
  upload: kAtUpload,
  compute: kAtCompute,
  readback: kAtReadback,
  member: kAtMember,
  context: kAtContext,
  started: kAtStarted,
  attempts: kAtAttempts,
  cached: kAtCached,
  part: kAtPart,
  shared: kAtShared,
  textBytes: kAtTextBytes,
  text: kAtText,
} = result;

class Completion {
  /** @type {Map<string, CoordinatorJob>} of jobs with cache: true that are on their way */
  #leaders = new Map();
  /** @type {Set<CoordinatorJob>} whose outputs others are copying */
  #shared = new Set();
  #resultbox = new Float64Array(64);
  #resulthead = headOf(this.#resultbox);
  #logs;
  /** @type {Map<number, string|undefined>} the context each requester's last job ran on */
  #lastContext = new Map();
  /** Jobs settled so far. */
  count = 0;

  /** @param {CompletionParts} parts */
  constructor(parts) {
    this.parts = parts;
    this.#logs = parts.log.isLevelEnabled('debug');
  }

  /**
   * An equal job may be on its way.
   * @param {CoordinatorJob} job
   */
  follow(job) {
    const leader = this.#leaders.get(job.cacheKey);
    const isPart = job.home > 0; // its requester counts the whole
    if (!leader) {
      if (!isPart) this.parts.metrics.own.cacheMiss();
      return false;
    }
    (leader.followers ??= []).push(job);
    job.leader = leader;
    if (!isPart) this.parts.metrics.own.cacheHit();
    return true;
  }

  /**
   * Equal jobs that come later wait for this one.
   * @param {CoordinatorJob} job
   */
  lead(job) {
    this.#leaders.set(job.cacheKey, job);
  }

  /**
   * It waits for another's outputs no more.
   * @param {CoordinatorJob} job
   * @param {Ending} ending
   */
  leaveLeader(job, ending) {
    const leader = /** @type {CoordinatorJob} */ (job.leader);
    leader.followers = leader.followers?.filter((other) => other !== job);
    job.leader = undefined;
    this.settle(job, ending);
  }

  /**
   * Whether outputs in memory that a member made are waited for, or being copied.
   * @param {number} maker its serial number
   */
  usesMemoryOf(maker) {
    for (const job of this.#shared) if (job.maker === maker) return true;
    for (const job of this.#leaders.values()) if (job.maker === maker) return true;
    return false;
  }

  /** @param {number} requester that has gone */
  forget(requester) {
    this.#lastContext.delete(requester);
  }

  /**
   * A job has ended: so have those that are equal to it.
   * @param {CoordinatorJob} job
   * @param {Ending} ending
   */
  finish(job, ending) {
    const followers = job.followers;
    if (job.cacheKey && this.#leaders.get(job.cacheKey) === job) this.#leaders.delete(job.cacheKey);
    if (!followers?.length) return this.settle(job, ending);
    job.followers = undefined;
    if (ending.code === 'ERR_TIMEOUT' || ending.code === 'ERR_CANCELED') {
      this.#promote(followers);
      return this.settle(job, ending);
    }
    if (ending.code) {
      for (const follower of followers) this.settle(follower, ending);
      return this.settle(job, ending);
    }
    // Its memory stays until every follower has its copy.
    const shared = job.outputPlaces();
    job.copies = followers.length;
    this.#shared.add(job);
    job.heldEnding = ending;
    for (const follower of followers) {
      follower.leader = undefined;
      follower.copiesFrom = job;
      this.settle(
        follower,
        { ...ending, cached: true, shared, queued: Math.max(0, job.startedAt - follower.enqueued) },
        true,
      );
    }
    return undefined;
  }

  /**
   * The first of jobs whose leader has not made their outputs leads the others.
   * @param {CoordinatorJob[]} followers
   */
  #promote(followers) {
    const [next, ...rest] = followers;
    next.leader = undefined;
    for (const follower of rest) follower.leader = next;
    next.followers = rest.length ? rest : undefined;
    this.#leaders.set(next.cacheKey, next);
    this.parts.requeue(next);
  }

  /**
   * A follower has its copy.
   * @param {Member} from
   * @param {number} askNumber
   */
  onCopied(from, askNumber) {
    const follower = from.asked.get(askNumber);
    if (!follower) return;
    from.asked.delete(askNumber);
    this.copied(follower);
  }

  /** @param {CoordinatorJob} follower */
  copied(follower) {
    const leader = follower.copiesFrom;
    follower.copiesFrom = undefined;
    if (!leader || --leader.copies > 0) return;
    this.#shared.delete(leader);
    this.settle(leader, /** @type {Ending} */ (leader.heldEnding));
  }

  /**
   * The one settlement of a job.
   * @param {CoordinatorJob} job
   * @param {Ending} ending
   * @param {boolean} [keep] it is still going to copy
   */
  settle(job, ending, keep = false) {
    const { from } = job;
    const now = nowMs();
    ++this.count;
    if (job.alone) this.parts.onAloneSettled();
    const own = this.parts.metrics.own;
    const { counted } = job;
    const isPart = job.home > 0; // its requester counts the whole of which it is one
    if (ending.code) {
      if (!isPart) own.failed(ending.code);
      if (this.#logs) this.#logFailure(job, ending);
    } else {
      ending.total = now - job.enqueued;
      if (!isPart) own.completed(counted, ending, ending.cached ? 0 : (ending.launched ?? 1));
      if (this.#logs)
        this.parts.log.debug(
          { job: job.name, type: job.type, context: ending.contextId, ms: ending.total, attempts: job.attempts },
          'a job is done',
        );
      if (!isPart) this.#noteSwitch(job, ending);
    }
    if (from && !keep) from.asked.delete(job.askNumber);
    this.#conclude(from, job, ending, counted, now);
  }

  /**
   * @param {CoordinatorJob} job
   * @param {Ending} ending
   */
  #logFailure(job, { code, message, contextId }) {
    const { name, type, attempts } = job;
    this.parts.log.debug(
      { job: name, type, context: contextId, code, reason: withoutPaths(message ?? ''), attempts },
      'a job failed',
    );
  }

  /**
   * @param {CoordinatorJob} job
   * @param {Ending} ending
   */
  #noteSwitch(job, ending) {
    if (ending.member === undefined || ending.cached) return;
    const context = ending.contextId;
    if (this.#lastContext.get(job.requester) === context) return;
    this.#lastContext.set(job.requester, context);
    this.parts.metrics.own.contextSwitch(ending.switch ?? 0);
  }

  /**
   * Makes its result, which is what is kept of it, and goes to whoever asked, if that one is still there.
   * @param {Member|undefined} to
   * @param {CoordinatorJob} job
   * @param {Ending} ending
   * @param {number} counted
   * @param {number} now
   */
  #conclude(to, job, ending, counted, now) {
    let out = this.#resultbox;
    if (ending.code) out = protocol.withText(protocol.kResult, result, JSON.stringify(plainError(ending)));
    const length = ending.code ? out.length : kAtText + (ending.shared?.length ?? 0);
    if (out.length < length) {
      out = this.#resultbox = new Float64Array(2 * length);
      this.#resulthead = headOf(out);
    }
    out[0] = length;
    out[kTypeAt] = protocol.kResult;
    out[kAtNumber] = job.askNumber;
    out[kAtCode] = ending.code ? protocol.codeNumber(ending.code) : 0;
    out[kAtBatch] = ending.batch ?? 1;
    out[kAtSwitch] = ending.switch ?? 0;
    out[kAtUpload] = ending.upload ?? 0;
    out[kAtCompute] = ending.compute ?? 0;
    out[kAtReadback] = ending.readback ?? 0;
    out[kAtMember] = ending.member ?? -1;
    out[kAtContext] = ending.context ?? -1;
    out[kAtStarted] = ending.startedAt ?? 0;
    out[kAtAttempts] = job.attempts;
    out[kAtCached] = ending.cached ? 1 : 0;
    out[kAtPart] = ending.part ?? 1;
    out[kAtShared] = ending.shared?.length ?? 0;
    if (!ending.code) out[kAtTextBytes] = 0;
    this.parts.ended.note(job, ending, ending.code ? headOf(out) : this.#resulthead, counted, now);
    if (!to?.ask) return;
    if (ending.shared) out.set(ending.shared, kAtText);
    to.ask.post(out, length);
  }
}

/** @param {Float64Array} message a result: what is kept of it */
function headOf(message) {
  return message.subarray(kAtNumber, kAtCached + 1);
}

/**
 * @param {CoordinatorJob} job
 * @returns {Ending}
 */
function late(job) {
  // its requester knows the time it was given, and says that first
  return { code: 'ERR_TIMEOUT', message: job.whereabouts };
}

module.exports = { Completion, late };
