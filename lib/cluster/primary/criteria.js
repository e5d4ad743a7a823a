// How two contexts are compared for a job.
'use strict';
const { computeRank, drawRank } = require('../../addon');
const { canRun } = require('./fit');
const { nearnessToData, nearnessToNode } = require('./nearness');

/** @typedef {import('./scheduler').Job} Job */
/** @typedef {import('./scheduler').ContextView} ContextView */

/**
 * @param {ContextView} context
 * @param {Job} job
 */
function rankOf(context, job) {
  return (job.kind === 'render' ? drawRank : computeRank)(context.type, context.software);
}

/**
 * When the context would be through with the job, in ms from now, going by what was measured; undefined where nothing
 * was. What waits there is taken to be like the job unless the context knows better.
 * @param {ContextView} context
 * @param {Job} job
 */
function finishMs(context, job) {
  const speed = context.speed(job.workload);
  if (speed === undefined) return undefined;
  const ms = Math.max(speed * job.cost, 1e-6);
  return ms + (context.pendingMs ?? context.pending * ms);
}

// Estimates within a quarter of each other are equal. Steps, not a tolerance: "equal" must hold for three when it does
// for two.
const kStep = Math.log(1.25);
/** @param {number} ms */
function stepOf(ms) {
  return Math.round(Math.log(ms) / kStep);
}

/**
 * @param {ContextView} a
 * @param {ContextView} b
 * @param {Job} job
 */
function comparePreference(a, b, job) {
  const left = finishMs(a, job),
    right = finishMs(b, job);
  if (left !== undefined && right !== undefined) return left === right ? 0 : stepOf(left) - stepOf(right);
  return rankOf(a, job) - rankOf(b, job);
}

/**
 * @param {ContextView} context
 * @param {Job} job
 */
function held(context, { inputs }) {
  let count = 0;
  for (let i = 0; i < inputs.length; ++i) if (context.holds(inputs[i])) ++count;
  return count;
}

// Room for eight such jobs is as good as room for a hundred; below that every halving counts.
const kPlentySteps = 3,
  kMinBytes = 2 ** 20;
/**
 * @param {ContextView} context
 * @param {Job} job
 */
function headroom({ memoryFree }, { bytes }) {
  return Math.min(kPlentySteps, Math.floor(Math.log2(memoryFree / Math.max(bytes, kMinBytes))));
}

/**
 * @typedef {{ name: string,
 *   compare: (a: ContextView, b: ContextView, job: Job, now: number, holders: readonly ContextView[]) => number }}
 *   Criterion holders: the contexts that have some of the job's data already
 */

/**
 * How two contexts are compared for a job: by the first of these that tells them apart; negative when a is the better
 * one.
 * @type {readonly Criterion[]}
 */
const criteria = Object.freeze([
  { name: 'can run it now', compare: (a, b, job) => Number(canRun(job, b)) - Number(canRun(job, a)) },
  {
    name: 'affinity',
    compare: (a, b, job) =>
      job.affinity ? Number(b.affinities.has(job.affinity)) - Number(a.affinities.has(job.affinity)) : 0,
  },
  { name: 'preference: the measured end, or else the kind of its work', compare: comparePreference },
  { name: 'availability: idle', compare: (a, b) => Number(b.state === 'idle') - Number(a.state === 'idle') },
  { name: 'availability: fewer pending', compare: (a, b) => a.pending - b.pending },
  { name: 'resident data', compare: (a, b, job) => (job.inputs.length ? held(b, job) - held(a, job) : 0) },
  {
    name: 'near the data',
    compare: (a, b, _job, _now, holders) =>
      holders.length ? nearnessToData(b, holders) - nearnessToData(a, holders) : 0,
  },
  { name: 'near the asking process', compare: (a, b, { node }) => nearnessToNode(b, node) - nearnessToNode(a, node) },
  {
    name: 'compiled program',
    compare: (a, b, { workload }) => Number(!!b.programs?.has(workload)) - Number(!!a.programs?.has(workload)),
  },
  { name: 'memory headroom', compare: (a, b, job) => headroom(b, job) - headroom(a, job) || 0 },
  { name: 'worker load', compare: (a, b) => a.workerRunning - b.workerRunning },
  { name: 'least recently used', compare: (a, b) => a.lastUsed - b.lastUsed },
]);

/** For jobs to which nothing is near: most. @type {readonly Criterion[]} */
const farCriteria = Object.freeze(criteria.filter(({ name }) => !name.startsWith('near ')));

/**
 * @param {ContextView} a
 * @param {ContextView} b
 * @param {Job} job
 * @param {number} now
 * @param {readonly ContextView[]} holders
 * @param {readonly Criterion[]} by
 */
function compareContexts(a, b, job, now, holders, by) {
  for (let i = 0; i < by.length; ++i) {
    const order = by[i].compare(a, b, job, now, holders);
    if (order) return order;
  }
  return 0;
}

module.exports = { criteria, farCriteria, compareContexts, finishMs, stepOf, held };
