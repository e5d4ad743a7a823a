// The bounded queue of the coordinator: which job is next, who has to leave it, and both in microseconds with 100,000
// inside.
'use strict';
const { Heap, inOrder } = require('./heap');
const { JoinGroups } = require('./join-groups');
const { RequesterQueues } = require('./requester-queues');
const { kAgingMs, kUrgentMs, clampPriority, compareAged, isUrgent } = require('./job-order');

/** @typedef {import('./scheduler').Job} Job */
/** @typedef {(job: Job) => boolean} Test */
/** @typedef {import('./requester-queues').JobClass} JobClass */
/** @typedef {import('./requester-queues').RequesterState} RequesterState */

const kMaxUrgent = 8; // deadlines looked at in one choice
const kLooksPerPlace = 4; // companions looked at for each place in a batch

/**
 * @param {Job} a
 * @param {Job} b
 */
function compareDeadlines(a, b) {
  return a.deadline - b.deadline || a.number - b.number;
}

/**
 * The queue of one kind of jobs: what it gives is what was put in.
 * @template {Job} [T=Job]
 */
class JobQueue {
  #limit;
  #size = 0;
  #requesters;
  #groups = new JoinGroups();
  /** @type {Heap<Job>} */
  #deadlines = new Heap(compareDeadlines);
  #turns = 0;
  #choices = 0;
  /** @type {Job|undefined} */
  #asked;
  /** @type {{ job: Job|undefined, jumps: boolean }} what the last choice has offered */
  #offer = { job: undefined, jumps: false };

  /** @param {{ limit: number, agingMs?: number }} options limit: the most jobs inside, those put back excepted */
  constructor({ limit, agingMs = kAgingMs }) {
    this.#limit = limit;
    this.#requesters = new RequesterQueues((a, b) => compareAged(a.first, b.first, agingMs));
  }

  get size() {
    return this.#size;
  }

  /**
   * @param {T} job
   * @returns {boolean} false: full, nothing has changed
   */
  push(job) {
    if (this.#size >= this.#limit) return false;
    this.#enter(job, false);
    return true;
  }

  /**
   * Puts a job that was admitted before at the front of its class, whether there is room or not.
   * @param {T} job
   */
  requeue(job) {
    this.#enter(job, true);
  }

  /**
   * Takes out a job: because it goes (if next() has just offered it, its requester has had its turn) or because it was
   * given up.
   * @param {Job} job
   * @returns {boolean} whether it was there
   */
  remove(job) {
    if (!this.#requesters.has(job)) return false;
    if (job === this.#offer.job) this.#countTurn(job);
    this.#leave(job);
    return true;
  }

  /**
   * The best job for which fits(job) is true (see chooseJob); it stays inside. Heads are asked for in order, each once;
   * the last call is the one for the job returned, so that what fits() found out for it may be kept (for this, one of
   * them may be asked again).
   * @param {number} now
   * @param {(job: T) => boolean} fits
   * @returns {T|undefined}
   */
  next(now, fits) {
    return /** @type {T|undefined} */ (this.#next(now, /** @type {Test} */ (fits)));
  }

  /**
   * @param {number} now
   * @param {Test} fits
   * @returns {Job|undefined}
   */
  #next(now, fits) {
    ++this.#choices;
    this.#offer = { job: undefined, jumps: false };
    const oldest = this.#firstFit(this.#requesters.waiting, -Infinity, fits);
    if (!oldest) return undefined;
    const urgent = this.#urgent(oldest, now, fits);
    const job = urgent ?? this.#inTurn(oldest, fits);
    if (job !== this.#asked && !fits(job)) return undefined;
    this.#offer = { job, jumps: job === urgent && !this.#isInTurn(job, oldest) };
    this.#asked = undefined;
    return job;
  }

  /**
   * Takes out a job that goes, and with it up to max - 1 others of its joinKey, context type, affinity and avoided
   * member for which matches(other) is true, of any requester and priority, oldest first. The turn is that of the job's
   * own requester: the others only ride along.
   * @param {T} job
   * @param {number} max
   * @param {(job: T) => boolean} matches
   * @returns {T[]} the job first; empty when it isn't inside
   */
  takeMatching(job, max, matches) {
    if (!this.#requesters.has(job)) return [];
    const group = job.q_group;
    this.#countTurn(job);
    this.#leave(job);
    /** @type {Job[]} */
    const taken = [job];
    const test = /** @type {Test} */ (matches);
    let looks = group ? kLooksPerPlace * max : 0;
    for (let other = group?.first, after; other && taken.length < max && looks > 0; other = after, --looks) {
      after = other.q_joinAfter;
      if (!test(other)) continue;
      this.#leave(other);
      taken.push(other);
    }
    return /** @type {T[]} */ (taken);
  }

  /**
   * How many queued jobs could go with this one, itself included.
   * @param {Job} job
   */
  joinable(job) {
    return job.q_group ? job.q_group.size : Number(this.#requesters.has(job));
  }

  /**
   * Takes out every job whose deadline has come.
   * @param {number} now
   * @returns {T[]}
   */
  expired(now) {
    const { items } = this.#deadlines;
    /** @type {Job[]} */
    const late = [];
    while (items.length && items[0].deadline <= now) {
      late.push(items[0]);
      this.#leave(items[0]);
    }
    return /** @type {T[]} */ (late);
  }

  nextDeadline() {
    const { items } = this.#deadlines;
    return items.length ? items[0].deadline : Infinity;
  }

  /**
   * The age of the oldest head in ms (a job put back hides those behind it).
   * @param {number} now
   */
  oldestAge(now) {
    let since = now;
    for (const { bands } of this.#requesters.waiting)
      for (const { heads } of bands) since = Math.min(since, heads.items[0].first.enqueued);
    return now - since;
  }

  /**
   * For a caller who was refused: ms until there is room for a few.
   * @param {number} now
   * @param {number} drainPerSecond jobs that leave the queue in a second
   */
  retryAfter(now, drainPerSecond) {
    // for one, all who were refused would come at once
    const places = Math.max(1, this.#size - this.#limit + 1, this.#limit / 16);
    const drained = drainPerSecond > 0 ? (1000 * places) / drainPerSecond : 1000;
    return Math.max(1, Math.min(60000, Math.ceil(Math.min(drained, this.nextDeadline() - now))));
  }

  /** @param {(job: T, before: number) => void} visit is told how many of its class are before each */
  forEach(visit) {
    for (const { bands } of this.#requesters.waiting) {
      for (const { classes } of bands) {
        for (const each of classes.values()) {
          let before = 0;
          for (let job = /** @type {Job|undefined} */ (each.first); job; job = job.q_after)
            visit(/** @type {T} */ (job), before++);
        }
      }
    }
  }

  /**
   * @param {(job: T) => boolean} predicate
   * @returns {T[]} what was taken out
   */
  removeWhere(predicate) {
    /** @type {T[]} */
    const found = [];
    this.forEach((job) => {
      if (predicate(job)) found.push(job);
    });
    for (const job of found) this.#leave(job);
    return found;
  }

  /**
   * @param {Job} job
   * @param {boolean} front
   */
  #enter(job, front) {
    if (job.q_class) throw new Error(`job ${job.number} is queued already`);
    this.#requesters.enter(job, front);
    this.#groups.enter(job, front);
    job.q_at = -1;
    if (job.deadline !== Infinity) this.#deadlines.push(job);
    ++this.#size;
  }

  /** @param {Job} job */
  #leave(job) {
    this.#requesters.leave(job);
    this.#groups.leave(job);
    if (job.deadline !== Infinity) this.#deadlines.remove(job);
    if (job === this.#offer.job) this.#offer.job = undefined;
    --this.#size;
  }

  /** @param {Job} job that goes */
  #countTurn(job) {
    const requester = /** @type {RequesterState} */ (job.q_requester);
    requester.turn = ++this.#turns;
    requester.jumped = job === this.#offer.job && this.#offer.jumps;
  }

  /**
   * @param {Job} job
   * @param {Test} fits
   */
  #fits(job, fits) {
    const own = /** @type {JobClass} */ (job.q_class);
    if (own.refused === this.#choices) return false;
    this.#asked = job;
    if (fits(job)) return true;
    if (job === own.first) own.refused = this.#choices;
    return false;
  }

  /**
   * The head that is first by priority and age among the requesters' jobs of at least a priority, and fits.
   * @param {RequesterState[]} requesters
   * @param {number} priority
   * @param {Test} fits
   * @returns {Job|undefined}
   */
  #firstFit(requesters, priority, fits) {
    /** @type {JobClass|undefined} */
    let best;
    for (const { bands } of requesters) {
      for (const band of bands) {
        const own = band.heads.items[0];
        if (band.priority >= priority && (!best || this.#requesters.compare(own, best) < 0)) best = own;
      }
    }
    if (!best) return undefined;
    if (this.#fits(best.first, fits)) return best.first;
    const heaps = requesters.flatMap(({ bands }) =>
      bands.filter((band) => band.priority >= priority).map(({ heads }) => heads),
    );
    for (const { first } of inOrder(heaps, this.#requesters.compare)) if (this.#fits(first, fits)) return first;
    return undefined;
  }

  /**
   * @param {Job} job
   * @param {Job} oldest
   */
  #isInTurn(job, oldest) {
    const { turn } = /** @type {RequesterState} */ (job.q_requester);
    return job === oldest && this.#requesters.waiting.every((requester) => requester.turn >= turn);
  }

  /**
   * The job with the nearest deadline that may jump the turn, a head or not.
   * @param {Job} oldest
   * @param {number} now
   * @param {Test} fits
   * @returns {Job|undefined}
   */
  #urgent(oldest, now, fits) {
    if (this.nextDeadline() > now + kUrgentMs) return undefined;
    const priority = clampPriority(oldest.priority);
    let looks = kMaxUrgent;
    for (const job of inOrder([this.#deadlines], compareDeadlines)) {
      if (job.deadline > now + kUrgentMs || --looks < 0) break;
      if (clampPriority(job.priority) >= priority && isUrgent(job, now) && (job === oldest || this.#fits(job, fits)))
        return job;
    }
    return undefined;
  }

  /**
   * The job of the requester served longest ago among those with a job of the oldest's priority or a higher one.
   * @param {Job} oldest
   * @param {Test} fits
   * @returns {Job}
   */
  #inTurn(oldest, fits) {
    const { turn } = /** @type {RequesterState} */ (oldest.q_requester),
      priority = clampPriority(oldest.priority);
    const before = this.#requesters.waiting
      .filter((requester) => requester.turn < turn)
      .sort((a, b) => a.turn - b.turn);
    for (const requester of before) {
      const job = this.#firstFit([requester], priority, fits);
      if (job) return job;
    }
    return oldest;
  }
}

module.exports = { JobQueue };
