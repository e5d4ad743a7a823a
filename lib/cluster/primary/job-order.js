// Which job is next: a pure function of priorities, ages, deadlines and turns.
'use strict';

/** @typedef {import('./scheduler').Job} Job */

const kAgingMs = 50; // of waiting are worth one step of priority
const kUrgentMs = 50; // before its deadline a job may jump the turn
const kMaxPriority = 1000;

/** @param {number} priority */
function clampPriority(priority) {
  return Math.max(-kMaxPriority, Math.min(kMaxPriority, Math.trunc(priority))) || 0;
}

/**
 * Priority and age in one number, smaller first: a job's effective priority is (now - agedTime) / agingMs, so the order
 * of two jobs never changes while they wait.
 * @param {Job} job
 * @param {number} agingMs
 */
function agedTime(job, agingMs) {
  return job.enqueued - clampPriority(job.priority) * agingMs;
}

/**
 * @param {Job} job
 * @param {number} now
 * @param {number} [agingMs]
 */
function effectivePriority(job, now, agingMs = kAgingMs) {
  return (now - agedTime(job, agingMs)) / agingMs;
}

/**
 * Negative when a has the higher effective priority.
 * @param {Job} a
 * @param {Job} b
 * @param {number} agingMs
 */
function compareAged(a, b, agingMs) {
  return (
    agedTime(a, agingMs) - agedTime(b, agingMs) ||
    clampPriority(b.priority) - clampPriority(a.priority) ||
    a.number - b.number
  );
}

/**
 * @param {Job} job
 * @param {number} now
 */
function isUrgent(job, now) {
  return job.deadline > now && job.deadline <= now + kUrgentMs && !job.q_requester?.jumped;
}

/** @param {Job} job */
function turnOf(job) {
  return job.q_requester ? job.q_requester.turn : 0;
}

/**
 * The next of jobs that all could run now. Age alone would let a requester that floods the queue go first until its
 * flood is through, even past jobs of a higher priority that came later. So the job of the highest effective priority,
 * the oldest, only opens the round: every job of the same or a higher priority may take its place, and goes first when
 * its deadline is near, or else when its requester was served longer ago. A requester jumps the turn for a deadline
 * once, then has to be served in turn. So with n requesters a job is at most 2n rounds from the front once it is the
 * oldest, and it is the oldest as soon as the jobs are through that came up to (gap of priority) * agingMs after it.
 * Turns are counted in launches, not in ms: a wrong estimate of a cost can't distort them. (JobQueue.next applies the
 * same rule without looking at all.)
 * @param {readonly Job[]} heads
 * @param {number} now
 * @param {number} [agingMs]
 * @returns {Job|undefined}
 */
function chooseJob(heads, now, agingMs = kAgingMs) {
  if (!heads.length) return undefined;
  const oldest = heads.reduce((best, job) => (compareAged(job, best, agingMs) < 0 ? job : best));
  const peers = heads.filter((job) => clampPriority(job.priority) >= clampPriority(oldest.priority));
  return peers.reduce((best, job) => (compareRound(job, best, now, agingMs) < 0 ? job : best));
}

/**
 * @param {Job} a
 * @param {Job} b
 * @param {number} now
 * @param {number} agingMs
 */
function compareRound(a, b, now, agingMs) {
  const urgent = isUrgent(a, now);
  if (urgent !== isUrgent(b, now)) return urgent ? -1 : 1;
  return (
    (urgent ? a.deadline - b.deadline || a.number - b.number : turnOf(a) - turnOf(b)) || compareAged(a, b, agingMs)
  );
}

module.exports = { kAgingMs, kUrgentMs, clampPriority, effectivePriority, compareAged, isUrgent, chooseJob };
