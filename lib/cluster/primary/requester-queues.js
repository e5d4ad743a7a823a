// The queued jobs of each requester: a band for each priority, in it a class for each kind of demand, and in that the
// jobs first in, first out. Jobs of a class are alike to the scheduler, so it looks only at their heads; and a band's
// heads are in a heap, so mostly at one of them.
'use strict';
const { kKinds } = require('../../addon');
const { kContextTypes } = require('../../core');
const { Heap } = require('./heap');
const { clampPriority } = require('./job-order');

/** @typedef {import('./scheduler').Job} Job */

const kMaxIdleRequesters = 1024;

const kSmallBytes = 2 ** 20;

/**
 * What tells the classes of a band apart: everything that decides which contexts a job fits. Large jobs are told apart
 * by powers of two, so that one that waits for memory holds up no smaller ones.
 * @param {Job} job
 */
function classKey({ kind, contextType, alone, affinity, excluded, home, bytes }) {
  const size = bytes <= kSmallBytes ? 0 : Math.ceil(Math.log2(bytes / kSmallBytes));
  const key =
    ((size * kKinds.length + kKinds.indexOf(kind)) * kContextTypes.length + kContextTypes.indexOf(contextType)) * 2 +
    Number(alone);
  return affinity === 0 && excluded < 0 && !home ? key : `${key}|${affinity}|${excluded}|${home}`;
}

/** The jobs of one band that are alike: first in, first out. */
class JobClass {
  /**
   * @param {PriorityBand} band
   * @param {number|string} key
   * @param {Job} first
   */
  constructor(band, key, first) {
    this.band = band;
    this.key = key;
    this.first = first;
    this.last = first;
    this.refused = 0; // the choice in which its head did not fit
    this.q_at = -1;
  }
}

/** The jobs of one requester with one priority. */
class PriorityBand {
  /**
   * @param {RequesterState} requester
   * @param {number} priority
   * @param {(a: JobClass, b: JobClass) => number} compare
   */
  constructor(requester, priority, compare) {
    this.requester = requester;
    this.priority = priority;
    /** @type {Heap<JobClass>} */
    this.heads = new Heap(compare);
    /** @type {Map<number|string, JobClass>} */
    this.classes = new Map();
  }
}

/** What fairness knows of one requester, and where its jobs are. */
class RequesterState {
  /** @param {number} turn below that of every requester that was served: whoever is new goes first */
  constructor(turn) {
    this.turn = turn; // of its last job: the smaller, the longer ago
    this.jumped = false; // its last job was served ahead of its turn, for its deadline
    /** @type {PriorityBand[]} those with jobs */
    this.bands = [];
  }
}

/**
 * @template T
 * @param {T[]} array
 * @param {T} item
 */
function removeFrom(array, item) {
  array[array.indexOf(item)] = array[array.length - 1];
  array.pop();
}

class RequesterQueues {
  /** @type {Map<number, RequesterState>} */
  #requesters = new Map();
  /** @type {RequesterState[]} those with jobs */
  waiting = [];
  #newcomers = -(2 ** 52);

  /** @param {(a: JobClass, b: JobClass) => number} compare negative when a's head goes first */
  constructor(compare) {
    this.compare = compare;
  }

  /** @param {Job} job */
  has(job) {
    return job.q_class !== undefined && this.#requesters.get(job.requester) === job.q_requester;
  }

  /**
   * @param {Job} job
   * @param {boolean} front of its class
   */
  enter(job, front) {
    const requester = this.#requester(job.requester);
    job.q_requester = requester;
    job.q_before = job.q_after = undefined;
    this.#enterClass(job, this.#band(requester, clampPriority(job.priority)), front);
  }

  /** @param {number} id */
  #requester(id) {
    let requester = this.#requesters.get(id);
    if (!requester) {
      if (this.#requesters.size - this.waiting.length >= kMaxIdleRequesters) this.#forgetIdle();
      this.#requesters.set(id, (requester = new RequesterState(++this.#newcomers)));
    }
    return requester;
  }

  // Requesters come and go with their processes; one that is forgotten only counts as never served.
  #forgetIdle() {
    for (const [id, { bands }] of this.#requesters) if (!bands.length) this.#requesters.delete(id);
  }

  /**
   * @param {RequesterState} requester
   * @param {number} priority
   */
  #band(requester, priority) {
    for (const band of requester.bands) if (band.priority === priority) return band;
    const band = new PriorityBand(requester, priority, this.compare);
    if (!requester.bands.length) this.waiting.push(requester);
    requester.bands.push(band);
    return band;
  }

  /**
   * @param {Job} job
   * @param {PriorityBand} band
   * @param {boolean} front
   */
  #enterClass(job, band, front) {
    const key = classKey(job);
    let own = band.classes.get(key);
    job.q_class = own;
    if (!own) {
      band.classes.set(key, (job.q_class = own = new JobClass(band, key, job)));
      band.heads.push(own);
    } else if (front) {
      job.q_after = own.first;
      own.first.q_before = job;
      own.first = job;
      band.heads.moved(own);
    } else {
      job.q_before = own.last;
      own.last.q_after = job;
      own.last = job;
    }
  }

  /** @param {Job} job */
  leave(job) {
    const own = /** @type {JobClass} */ (job.q_class);
    const { q_before: before, q_after: after } = job;
    if (after) after.q_before = before;
    else if (before) own.last = before;
    if (before) before.q_after = after;
    else if (after) {
      own.first = after;
      own.band.heads.moved(own);
    } else this.#dropClass(own);
    job.q_class = job.q_before = job.q_after = undefined;
  }

  /** @param {JobClass} own */
  #dropClass({ band, key }) {
    const { requester } = band;
    band.heads.remove(/** @type {JobClass} */ (band.classes.get(key)));
    band.classes.delete(key);
    if (band.classes.size) return;
    removeFrom(requester.bands, band);
    if (!requester.bands.length) removeFrom(this.waiting, requester);
  }
}

module.exports = { JobClass, RequesterState, RequesterQueues };
