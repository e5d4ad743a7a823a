// Where the parts of a job may run side by side, and how fast each place is: what a process cuts its job by.
'use strict';
const { computeRank } = require('../../addon');
const { guessedSpeed } = require('../wire');
const { isCard, isOfFitType } = require('./scheduler');

/** @typedef {import('./context-view').ContextView} ContextView */
/** @typedef {import('../wire/messages').SplitTarget} SplitTarget */
/** @typedef {import('../wire/messages').SplitQuestion} SplitQuestion */

/**
 * What does not work beside another as it does alone: a card has one part, through whichever API, and so have the
 * processors that a worker computes on.
 * @param {ContextView} context
 */
function laneOf({ type, workerId, device }) {
  return type === 'cpu' ? `cpu of ${workerId}` : (/[\da-f]{8}-[\da-f-]{27}$/.exec(device.uuid)?.[0] ?? device.id);
}

/** @param {ContextView} context */
function rankOf({ type, software }) {
  return computeRank(type, software);
}

/**
 * @param {SplitQuestion} job
 * @param {readonly ContextView[]} contexts of all members
 * @returns {SplitTarget[]} in an order that stays
 */
function splitTargets(job, contexts) {
  const able = contexts.filter((each) => (each.state === 'idle' || each.state === 'busy') && isOfFitType(job, each));
  // Software Vulkan takes the very processors that the CPU's kernels use, and does less with them.
  const isCpuHere = able.some(({ type }) => type === 'cpu');
  /** @type {Map<string, ContextView>} */
  const lanes = new Map();
  for (const context of able) {
    if (context.software && isCpuHere) continue;
    const other = lanes.get(laneOf(context));
    if (
      !other ||
      rankOf(context) < rankOf(other) ||
      (rankOf(context) === rankOf(other) && context.pending < other.pending)
    )
      lanes.set(laneOf(context), context);
  }
  return [...lanes.values()]
    .map((context) => ({
      home: context.home,
      id: context.id,
      rank: rankOf(context),
      isCard: isCard(context),
      speed: context.speed(job.workload) ?? null,
      busyMs: context.pending ? context.pendingMs * (context.speed(job.workload) ?? guessedSpeed(isCard(context))) : 0,
    }))
    .sort((a, b) => a.home - b.home);
}

module.exports = { splitTargets };
