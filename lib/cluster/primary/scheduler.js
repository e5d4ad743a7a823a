// Which context takes a job: a pure function of what the coordinator knows. (Which job is next: job-order.js.)
'use strict';
const { kWaits } = require('../journal');
const { guessedSpeed } = require('../wire');
const { criteria, farCriteria, compareContexts, finishMs, stepOf, held } = require('./criteria');
const { isOfFitType, suits, canRun } = require('./fit');

/**
 * A queued job, as the coordinator makes it. The fields q_ belong to the queue.
 * @typedef {object} Job
 * @property {number} number
 * @property {number} requester who asked
 * @property {number} priority
 * @property {number} enqueued ms
 * @property {number} deadline ms, Infinity for none
 * @property {'vector'|'matrix'|'attention'|'search'|'render'} kind
 * @property {''|'cuda'|'vulkan'|'cpu'|'gpu'} contextType 'gpu': cuda or vulkan
 * @property {number} affinity 0 for none
 * @property {number} workload
 * @property {number} cost estimated ms of work on a reference core
 * @property {number} bytes of inputs and outputs
 * @property {number} [ownBytes] the same without inputs that jobs of its joinKey share
 * @property {boolean} alone must run on an otherwise empty worker
 * @property {number} excluded the slot of a member to avoid, -1 for none
 * @property {number} [home] of a part of a split job: the context that it is meant for; else 0
 * @property {number} joinKey 0 when it can't be joined
 * @property {number} [rows] tokens of a packed graph, 0 of other jobs
 * @property {number} [mostRows] of them that may go in one launch
 * @property {number[]} inputs resident ids worth keeping near
 * @property {number} [node] the NUMA node that its requester is bound to; none, or -1: it is bound to none
 * @property {import('./requester-queues').RequesterState} [q_requester]
 * @property {import('./requester-queues').JobClass} [q_class] set while it is queued
 * @property {import('./join-groups').JoinGroup} [q_group]
 * @property {Job} [q_before]
 * @property {Job} [q_after]
 * @property {Job} [q_joinBefore]
 * @property {Job} [q_joinAfter]
 * @property {number} [q_at]
 */

/** @typedef {{ wait: number, context: ContextView|undefined }} Refusal */
/**
 * A context, as the coordinator sees it.
 * @typedef {object} ContextView
 * @property {string} id
 * @property {number} member its slot
 * @property {number} workerId
 * @property {'cuda'|'vulkan'|'cpu'} type
 * @property {boolean} software Vulkan on the CPU
 * @property {string} [deviceId]
 * @property {number} [node] the NUMA node it is near to; none, or -1: that is not known
 * @property {readonly string[]} [linked] devices that NVLink joins to its own
 * @property {boolean} canDraw
 * @property {'idle'|'busy'|'lost'|'starting'|'closed'} state
 * @property {number} pending jobs assigned to it or running there
 * @property {number} [pendingMs] what they will still take, where it is known
 * @property {number} [ownMs] what a job that its process gave it by itself will still take
 * @property {number} room how many more it may be given now
 * @property {number} memoryFree bytes
 * @property {(residentId: number) => boolean} holds
 * @property {{ has(workload: number): boolean }} [programs]
 * @property {number} workerRunning
 * @property {boolean} [isKeptFree] it gets no more, until a job that has to run alone finds its worker empty
 * @property {number} workerRoom no matter to a job that has to be alone
 * @property {number} lastUsed ms
 * @property {(workload: number) => number|undefined} speed measured ms for each unit of cost, undefined before there
 *   are enough runs
 * @property {{ has(affinity: number): boolean }} affinities
 * @property {number} [home] what a job says that is meant for it
 * @property {{ id: string }} [device]
 */

/** @type {readonly ContextView[]} */
const kNone = [];
const kSoftwareDelayMs = 50;
const kSoonMs = 1; // of estimated work in a lane: what comes behind it won't wait long
/**
 * Whether the job is better off in the queue, from which any context may take it, than behind a longer job that a
 * process has begun on its own. It waits for no more than twice as long as that takes: a process that always has such a
 * job would keep its context from everybody else.
 * @param {Job} job
 * @param {ContextView} context
 * @param {number} now
 */
function isHeld({ enqueued }, { ownMs = 0 }, now) {
  return ownMs > kSoonMs && now - enqueued < 2 * ownMs;
}

/**
 * The part of contexts for which test holds, or all of them when it holds for none.
 * @template {ContextView} T
 * @param {T[]} contexts
 * @param {(context: T) => boolean} test
 */
function narrow(contexts, test) {
  const some = contexts.filter(test);
  return some.length ? some : contexts;
}

/**
 * Without software Vulkan, unless nothing else can ever take the job, or nothing else can now and it has waited long,
 * or measurements can tell: it is many times slower than a processor's own kernels.
 * @template {ContextView} T
 * @param {T[]} suited
 * @param {Job} job
 * @param {readonly T[]} contexts
 * @param {number} now
 */
function withoutSoftware(suited, job, contexts, now) {
  if (!suited.some(({ software }) => software)) return suited;
  const others = contexts.filter(
    (each) => !each.software && (each.state === 'starting' ? isOfFitType(job, each) : suited.includes(each)),
  );
  if (!others.length) return suited;
  if (
    now - job.enqueued > kSoftwareDelayMs &&
    !others.some((each) => canRun(job, each) && (others.length < 2 || !isHeld(job, each, now)))
  )
    return suited;
  const isMeasured = (/** @type {ContextView} */ each) => each.speed(job.workload) !== undefined;
  const othersMeasured = others.some(isMeasured);
  return suited.filter((each) => !each.software || (othersMeasured && isMeasured(each)));
}

/** @param {ContextView} context */
function isCard({ type, software }) {
  return type !== 'cpu' && !software;
}

const kHomeWaits = 2; // times what it takes there
/**
 * Where a part of a split job belongs: the context it was cut for, or another one of that card. Other parts are cut for
 * the other devices; but one that has waited there for long goes wherever there is room.
 * @template {ContextView} T
 * @param {Job} job
 * @param {T[]} suited
 * @param {number} now
 */
function homesOf({ home, workload, cost, enqueued }, suited, now) {
  const own = suited.find((context) => context.home === home);
  if (!own) return [];
  const expected = (own.speed(workload) ?? guessedSpeed(isCard(own))) * cost;
  if (now - enqueued > kHomeWaits * Math.max(expected, kSoonMs)) return [];
  return own.type === 'cpu' ? [own] : suited.filter(({ device }) => device?.id === own.device?.id);
}

/**
 * The contexts that may take the job, now or once they have room.
 * @template {ContextView} T
 * @param {Job} job
 * @param {readonly T[]} contexts
 * @param {number} now
 */
function eligible(job, contexts, now) {
  let suited = contexts.filter((context) => suits(job, context));
  if (job.excluded >= 0) suited = narrow(suited, ({ member }) => member !== job.excluded);
  if (job.affinity) {
    const homes = suited.filter(({ affinities }) => affinities.has(job.affinity));
    if (homes.length) return homes;
  }
  if (job.home) {
    const homes = homesOf(job, suited, now);
    if (homes.length) return homes;
  }
  return withoutSoftware(suited, job, contexts, now);
}

/**
 * Without those that are held, where there are others.
 * @template {ContextView} T
 * @param {T[]} able
 * @param {Job} job
 * @param {number} now
 */
function withoutHeld(able, job, now) {
  if (able.length < 2) return able;
  // Most have none: this is asked for every job.
  for (let i = 0; i < able.length; ++i) if (able[i].ownMs) return able.filter((context) => !isHeld(job, context, now));
  return able;
}

/**
 * A context that is full now and expected to be through with the job before the best of those with room. Waiting ends
 * when it has cost what it could gain, so that a long queue uses slow contexts, too.
 * @param {ContextView} best
 * @param {ContextView[]} contexts
 * @param {Job} job
 * @param {number} now
 */
function worthWaiting(best, contexts, job, now) {
  const here = finishMs(best, job);
  if (here === undefined || job.alone) return undefined;
  return contexts.find((context) => {
    if (canRun(job, context) || context.memoryFree < job.bytes) return false;
    const there = finishMs(context, job);
    return there !== undefined && stepOf(there) < stepOf(here) && now - job.enqueued < here - there;
  });
}

/**
 * The best context for the job; undefined when there is none, or when waiting for one that is full is better.
 * @template {ContextView} T
 * @param {Job} job
 * @param {readonly T[]} contexts
 * @param {number} now
 * @param {Refusal} [refusal] is told why there is none
 * @returns {T|undefined}
 */
function chooseContext(job, contexts, now, refusal) {
  const suited = eligible(job, contexts, now);
  const able = withoutHeld(suited, job, now);
  if (!able.length) return refuse(refusal, suited.length ? kWaits.ownJobs : kWaits.nobody, suited[0]);
  let best = able[0];
  const holders = able.length > 1 && job.inputs.length ? contexts.filter((each) => held(each, job)) : kNone;
  const by = holders.length || /** @type {number} */ (job.node) >= 0 ? criteria : farCriteria;
  for (let i = 1; i < able.length; ++i) if (compareContexts(able[i], best, job, now, holders, by) < 0) best = able[i];
  if (!canRun(job, best)) return refuse(refusal, obstacle(job, best), best);
  const better = worthWaiting(best, able, job, now);
  return better ? refuse(refusal, kWaits.sooner, better) : best;
}

/**
 * @param {Refusal|undefined} refusal
 * @param {number} wait one of kWaits
 * @param {ContextView|undefined} context that the job waits for
 */
function refuse(refusal, wait, context) {
  if (!refusal) return undefined;
  refusal.wait = wait;
  refusal.context = context;
  return undefined;
}

/**
 * Why the best context can't run the job now: what canRun() looks at.
 * @param {Job} job
 * @param {ContextView} context
 */
function obstacle(job, context) {
  if (context.memoryFree < job.bytes) return kWaits.memory;
  if (job.alone) return context.workerRunning > 0 ? kWaits.alone : kWaits.busy;
  if (context.isKeptFree) return kWaits.emptied;
  return context.room > 0 ? kWaits.workerFull : kWaits.busy;
}

/**
 * The slot of the member to keep free of new jobs, by a workerRoom of 0, until a job that has to run alone finds it
 * empty; -1 when none can take it. (Contexts left out of the list instead would look as if they did not exist:
 * affinities would move.)
 * @param {Job} job
 * @param {readonly ContextView[]} contexts
 * @param {number} now
 */
function memberToEmpty(job, contexts, now) {
  const able = eligible(job, contexts, now);
  if (!able.length) return -1;
  return able.reduce((best, context) => (context.workerRunning < best.workerRunning ? context : best)).member;
}

module.exports = {
  criteria,
  isCard,
  isOfFitType,
  canRun,
  eligible,
  chooseContext,
  memberToEmpty,
  kSoonMs,
};
