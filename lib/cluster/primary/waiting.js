// Why a job that has not ended is where it is, in plain words: the scheduler's own decision, made again for whoever
// asks.
'use strict';
const { chooseContext, eligible } = require('./scheduler');
const { kWaits, timeText, counted, processOf } = require('../journal');

/** @typedef {import('./job').CoordinatorJob} CoordinatorJob */
/** @typedef {import('./context-view').ContextView} ContextView */

const kNobody = 'waits: no context that may take it is open';

/** What can be said about the jobs of one moment. */
class Waiting {
  #contexts;
  #now;
  /** @type {Map<ContextView, number>} ms that what was given to each still takes, as far as is known */
  #busy = new Map();
  /** @type {Map<unknown, string>} by class: why its first does not go */
  #heads = new Map();

  /**
   * @param {ContextView[]} contexts of all members
   * @param {Iterable<CoordinatorJob>} running
   * @param {number} now
   */
  constructor(contexts, running, now) {
    this.#contexts = contexts;
    this.#now = now;
    for (const job of running) {
      const { context } = job;
      if (context) this.#busy.set(context, (this.#busy.get(context) ?? 0) + expectedMs(job, context));
    }
  }

  /** @param {CoordinatorJob} job */
  #contextsOf(job) {
    return job.isLent ? this.#contexts.filter(({ owner }) => owner.inProcess) : this.#contexts;
  }

  /**
   * What it is expected to take: as measured on such a device, or as estimated for the reference core.
   * @param {CoordinatorJob} job
   */
  costMs(job) {
    if (job.context) return expectedMs(job, job.context);
    const able = eligible(job, this.#contextsOf(job), this.#now);
    return able.length ? Math.min(...able.map((context) => expectedMs(job, context))) : job.cost;
  }

  /**
   * @param {CoordinatorJob} job
   * @param {number} before how many of its class go first
   * @returns {string|undefined} undefined: it runs
   */
  reason(job, before) {
    if (job.leader) return `waits for the equal job ${job.leader.name}, whose outputs it shares`;
    if (job.copiesFrom) return `the outputs of the equal job ${job.copiesFrom.name} are copied for it`;
    if (job.copies)
      return `has run: ${counted(job.copies, 'equal job')} still ${job.copies > 1 ? 'copy' : 'copies'} its outputs`;
    if (job.canceledAt && job.context) return `runs on ${job.context.id}, and was told to stop`;
    if (job.context) return job.runsThere ? undefined : `waits on ${job.context.id}, behind another job`;
    if (!before) return this.#reasonOfHead(job);
    const head = this.#headOf(job);
    return `behind ${counted(before, 'job')} like it, the first of which ${head}`;
  }

  /** @param {CoordinatorJob} job */
  #headOf(job) {
    const own = job.q_class;
    if (!own) return 'waits';
    let text = this.#heads.get(own);
    if (text === undefined) {
      text = this.#reasonOfHead(/** @type {CoordinatorJob} */ (own.first));
      this.#heads.set(own, text);
    }
    return text;
  }

  /** @param {CoordinatorJob} job the first of its class */
  #reasonOfHead(job) {
    const contexts = this.#contextsOf(job);
    /** @type {import('./scheduler').Refusal} */
    const refusal = { wait: 0, context: undefined };
    const chosen = chooseContext(job, contexts, this.#now, refusal);
    if (chosen)
      return job.waits & kWaits.batch
        ? `held for a batch: others like it are expected at once, to go to ${chosen.id} in one launch`
        : `goes to ${chosen.id} as soon as it is its turn`;
    const context = /** @type {ContextView|undefined} */ (refusal.context);
    switch (refusal.wait) {
      case kWaits.memory:
        return (
          `waits for memory of ${context?.id}: it takes ${megabytes(job.bytes)}, ` +
          `${megabytes(context?.memoryFree ?? 0)} are free`
        );
      case kWaits.alone:
        return 'waits until a worker is empty: it runs alone, because workers ended while it ran';
      case kWaits.emptied:
        return `waits: ${processOf(context?.workerId ?? 0)} is kept for a job that has to run alone`;
      case kWaits.workerFull:
        return `waits: ${processOf(context?.workerId ?? 0)} runs as many jobs as it may at once`;
      case kWaits.sooner:
        return `waits for ${context?.id}, which is expected to be through with it sooner than a context that is free`;
      case kWaits.nobody:
        return kNobody;
      default:
        return this.#busyText(job, eligible(job, contexts, this.#now), refusal.wait === kWaits.ownJobs);
    }
  }

  /**
   * @param {CoordinatorJob} job
   * @param {ContextView[]} able the contexts that may take it
   * @param {boolean} isOwn what they are busy with is their processes' own
   */
  #busyText(job, able, isOwn) {
    // A context that could take it when the scheduler was asked may have lost its memory to others since.
    if (!able.length) return kNobody;
    const ms = Math.min(...able.map((context) => this.#leftMs(context)));
    const home = job.affinity && able.every(({ affinities }) => affinities.has(job.affinity));
    const whose = isOwn ? ' with long jobs of their own process' : '';
    const until = ms > 0 ? ` until about ${timeText(ms)} from now` : ', longer than was estimated';
    const names = isAtHome(job, able) ? `${able[0].id}, which this part was cut for, is` : namesOf(able);
    return `waits: ${names} busy${whose}${until}${home ? '; jobs of its affinity go there' : ''}`;
  }

  /** @param {ContextView} context */
  #leftMs(context) {
    const given = this.#busy.get(context) ?? 0;
    const since = this.#now - Math.max(context.usedAt, context.progressAt);
    return Math.max(0, given - since) + context.ownMs;
  }
}

/**
 * @param {CoordinatorJob} job
 * @param {ContextView} context
 */
function expectedMs(job, context) {
  return (context.speed(job.workload) ?? 1) * job.cost;
}

/**
 * Whether a part waits for its own device, and may not go to others yet.
 * @param {CoordinatorJob} job
 * @param {ContextView[]} able
 */
function isAtHome({ home }, able) {
  return home > 0 && able.length === 1 && able[0].home === home;
}

/**
 * @param {ContextView[]} contexts one at least
 * @returns {string} with its verb
 */
function namesOf(contexts) {
  const [{ id, workerId }] = contexts;
  if (contexts.length === 1) return `${id}, the only context for it, is`;
  const all = contexts.length === 2 ? 'both contexts' : `all ${contexts.length} contexts`;
  const isOne = contexts.every((context) => context.workerId === workerId);
  return `${all} ${isOne ? `of ${processOf(workerId)}` : 'that may take it'} are`;
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${Number((bytes / 2 ** 20).toPrecision(3))} MB`;
}

module.exports = { Waiting };
