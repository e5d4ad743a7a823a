// How many small jobs are joined into one launch, and how long a job is held back for companions.
'use strict';

/** @typedef {import('./scheduler').Job} Job */
/** @typedef {import('./scheduler').ContextView} ContextView */

const kMaxJoined = 64;
const kMaxBytes = 2 ** 20;
const kSmallMs = 0.2; // above this, the launch that joining saves is lost in the job's own work
const kMaxHoldMs = 1;
const kRareMs = 10; // arrivals further apart than this are all the same: too rare to wait for
const kMaxKeys = 1024;
const kNewest = 1 / 8; // the weight of the newest interval

/**
 * A large input that all of them share is read once for all: then even work that is not small gains. Jobs over packed
 * tokens say themselves up to how many tokens a launch gets faster by each of them.
 * @param {Job} job
 */
function isJoinable({ joinKey, alone, cost, bytes, ownBytes = bytes, rows = 0, mostRows = 0 }) {
  if (joinKey === 0 || alone) return false;
  return mostRows ? rows < mostRows : cost < kSmallMs || ownBytes < bytes / 2;
}

/**
 * What a launch may still take beside a job: bytes, and tokens of packed ones.
 * @param {Job} job
 * @param {ContextView} [context]
 */
function roomBeside(job, context) {
  const { rows = 0, mostRows = 0 } = job;
  const free = context ? context.memoryFree : Infinity;
  const bytes = mostRows ? free : Math.min(kMaxBytes, free);
  return { bytes: bytes - ownBytesOf(job), rows: mostRows - rows };
}

/** @param {Job} job */
function ownBytesOf({ bytes, ownBytes = bytes }) {
  return ownBytes;
}

/**
 * How many jobs like this one may go in one launch, itself included; 1: it goes by itself.
 * @param {Job} job
 * @param {ContextView} [context]
 * @param {number} [most] as the settings say
 */
function joinLimit(job, context, most = kMaxJoined) {
  if (!isJoinable(job)) return 1;
  const left = roomBeside(job, context);
  const byBytes = Math.floor(left.bytes / Math.max(ownBytesOf(job), 1));
  return Math.max(1, Math.min(most, 1 + (job.mostRows ? Math.min(byBytes, left.rows) : byBytes)));
}

/**
 * For JobQueue.takeMatching, with jobs of one key but of different sizes: accepts those that still fit beside what it
 * accepted before.
 * @param {Job} job
 * @param {ContextView} [context]
 * @returns {(other: Job) => boolean}
 */
function companions(job, context) {
  const left = roomBeside(job, context);
  return (other) => {
    const { rows = 0 } = other;
    if (!isJoinable(other) || ownBytesOf(other) > left.bytes || rows > left.rows) return false;
    left.bytes -= ownBytesOf(other);
    left.rows -= rows;
    return true;
  };
}

/**
 * How many ms to hold the job back for companions; 0: let it go now. Holding pays only where companions arrive faster
 * than the context launches: otherwise each is through before the next is there. The window opens when the job came in,
 * so that asking again with every companion that arrives does not prolong it, and a job that has waited for a context
 * anyway isn't held at all.
 * @param {object} state
 * @param {number} state.now
 * @param {Job} state.job
 * @param {number} state.queued joinable jobs waiting with its key, itself included
 * @param {number} state.arrivalMs between two of them, Infinity when unknown
 * @param {number} state.launchMs what a launch costs on the context
 * @param {number} state.slackMs from now to the earliest deadline among them, less what the run takes; Infinity for no
 *   deadline
 * @param {ContextView} [state.context]
 * @param {number} [state.most] that one launch may run, as the settings say
 */
function holdMs({ now, job, queued, arrivalMs, launchMs, slackMs, context, most }) {
  const missing = joinLimit(job, context, most) - queued;
  const windowMs = Math.min(kMaxHoldMs, 2 * launchMs, slackMs / 10);
  if (!(missing > 0 && windowMs > 0 && arrivalMs <= Math.min(windowMs, launchMs))) return 0;
  return Math.max(0, Math.min(missing * arrivalMs, windowMs - Math.max(0, now - job.enqueued)));
}

/** How often jobs of a key arrive: an average that follows the newest intervals. */
class ArrivalMeter {
  constructor() {
    /** @type {Map<number, { last: number, average: number }>} the longest unseen first */
    this.keys = new Map();
  }

  /**
   * @param {number} key
   * @param {number} now
   */
  note(key, now) {
    const seen = this.keys.get(key);
    if (!seen) {
      if (this.keys.size >= kMaxKeys) this.keys.delete(this.keys.keys().next().value ?? 0);
      this.keys.set(key, { last: now, average: NaN });
      return;
    }
    const interval = Math.min(kRareMs, Math.max(0, now - seen.last));
    seen.average = Number.isNaN(seen.average) ? interval : seen.average + kNewest * (interval - seen.average);
    seen.last = now;
    this.keys.delete(key);
    this.keys.set(key, seen);
  }

  /**
   * @param {number} key
   * @param {number} now
   * @returns {number} ms between two arrivals, at least the silence since the last; Infinity when unknown
   */
  interval(key, now) {
    const seen = this.keys.get(key);
    return !seen || Number.isNaN(seen.average) ? Infinity : Math.max(seen.average, now - seen.last);
  }
}

module.exports = { joinLimit, companions, holdMs, ArrivalMeter };
