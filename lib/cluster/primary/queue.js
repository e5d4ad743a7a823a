// The bounded queue of the coordinator: which job is next, who has to leave it, and both in microseconds with 100,000
// inside.
'use strict';
const { Heap, inOrder } = require('./heap');
const { kAgingMs, kUrgentMs, clampPriority, compareAged, isUrgent } = require('./scheduler');

/** @typedef {import('./scheduler').Job} Job */
/** @typedef {(job: Job) => boolean} Test */
/** @typedef {InstanceType<typeof JobClass>} QueuedClass */
/** @typedef {InstanceType<typeof JoinGroup>} QueuedGroup */

// An requester has a lane for each priority, a lane a class for each kind of demand, a class its jobs first in, first out.
// Jobs of a class are alike to the scheduler, so it looks only at their heads; and a lane's heads are in a heap, so
// mostly at one of them.

const kMaxUrgent = 8; // deadlines looked at in one choice
const kMaxIdleRequesters = 1024;
const kLooksPerPlace = 4; // companions looked at for each place in a batch

/** The jobs of one lane that are alike: first in, first out. */
class JobClass {
  /**
   * @param {Lane} lane
   * @param {number|string} key
   * @param {Job} first
   */
  constructor(lane, key, first) {
    this.lane = lane;
    this.key = key;
    this.first = first;
    this.last = first;
    this.refused = 0; // the choice in which its head did not fit
    this.q_at = -1;
  }
}

/** The jobs of one requester with one priority. */
class Lane {
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

class RequesterState {
  /** @param {number} turn below that of every requester that was served: whoever is new goes first */
  constructor(turn) {
    this.turn = turn;
    this.jumped = false;
    /** @type {Lane[]} those with jobs */
    this.lanes = [];
  }
}

/** The jobs of every requester that may be joined with each other, first in, first out. */
class JoinGroup {
  /** @param {string} key */
  constructor(key) {
    this.key = key;
    this.size = 0;
    /** @type {Job|undefined} */
    this.first = undefined;
    /** @type {Job|undefined} */
    this.last = undefined;
  }
}

const kKinds = ['vector', 'matrix', 'attention', 'search', 'render'];
const kTypes = ['', 'cuda', 'vulkan', 'cpu', 'gpu'];

const kSmallBytes = 2 ** 20;

/**
 * What tells the classes of a lane apart: everything that decides which contexts a job fits. Large jobs are told apart
 * by powers of two, so that one that waits for memory holds up no smaller ones.
 * @param {Job} job
 */
function classKey({ kind, contextType, alone, affinity, excluded, bytes }) {
  const size = bytes <= kSmallBytes ? 0 : Math.ceil(Math.log2(bytes / kSmallBytes));
  const key =
    ((size * kKinds.length + kKinds.indexOf(kind)) * kTypes.length + kTypes.indexOf(contextType)) * 2 + Number(alone);
  return affinity === 0 && excluded < 0 ? key : `${key}|${affinity}|${excluded}`;
}

/**
 * @param {Job} a
 * @param {Job} b
 */
function compareDeadlines(a, b) {
  return a.deadline - b.deadline || a.number - b.number;
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

class JobQueue {
  #limit;
  #size = 0;
  /** @type {Map<number, RequesterState>} */
  #requesters = new Map();
  /** @type {RequesterState[]} those with jobs */
  #waiting = [];
  /** @type {Map<string, JoinGroup>} */
  #groups = new Map();
  /** @type {Heap<Job>} */
  #deadlines = new Heap(compareDeadlines);
  #compareClasses;
  #turns = 0;
  #newcomers = -(2 ** 52);
  #choices = 0;
  /** @type {Job|undefined} */
  #asked;
  /** @type {{ job: Job|undefined, jumps: boolean }} what the last choice has offered */
  #offer = { job: undefined, jumps: false };

  /** @param {{ limit: number, agingMs?: number }} options limit: the most jobs inside, those put back excepted */
  constructor({ limit, agingMs = kAgingMs }) {
    this.#limit = limit;
    this.#compareClasses = (/** @type {JobClass} */ a, /** @type {JobClass} */ b) =>
      compareAged(a.first, b.first, agingMs);
  }

  get size() {
    return this.#size;
  }

  /**
   * @param {Job} job
   * @returns {boolean} false: full, nothing has changed
   */
  push(job) {
    if (this.#size >= this.#limit) return false;
    this.#enter(job, false);
    return true;
  }

  /**
   * Puts a job that was admitted before at the front of its class, whether there is room or not.
   * @param {Job} job
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
    if (!this.#has(job)) return false;
    if (job === this.#offer.job) this.#countTurn(job);
    this.#leave(job);
    return true;
  }

  /**
   * The best job for which fits(job) is true (see chooseJob); it stays inside. Heads are asked for in order, each once;
   * the last call is the one for the job returned, so that what fits() found out for it may be kept (for this, one of
   * them may be asked again).
   * @param {number} now
   * @param {Test} fits
   * @returns {Job|undefined}
   */
  next(now, fits) {
    ++this.#choices;
    this.#offer = { job: undefined, jumps: false };
    const oldest = this.#firstFit(this.#waiting, -Infinity, fits);
    if (!oldest) return undefined;
    const urgent = this.#urgent(oldest, now, fits);
    const job = urgent ?? this.#inTurn(oldest, fits);
    if (job !== this.#asked && !fits(job)) return undefined;
    this.#offer = { job, jumps: job === urgent && !this.#isInTurn(job, oldest) };
    this.#asked = undefined;
    return job;
  }

  /**
   * Takes out a job that goes, and with it up to most - 1 others of its joinKey, context type, affinity and avoided
   * member for which matches(other) is true, of any requester and priority, oldest first. The turn is that of the job's own
   * requester: the others only ride along.
   * @param {Job} job
   * @param {number} most
   * @param {Test} matches
   * @returns {Job[]} the job first; empty when it isn't inside
   */
  takeMatching(job, most, matches) {
    if (!this.#has(job)) return [];
    const group = job.q_group;
    this.#countTurn(job);
    this.#leave(job);
    const taken = [job];
    let looks = group ? kLooksPerPlace * most : 0;
    for (let other = group?.first, after; other && taken.length < most && looks > 0; other = after, --looks) {
      after = other.q_joinAfter;
      if (!matches(other)) continue;
      this.#leave(other);
      taken.push(other);
    }
    return taken;
  }

  /**
   * How many queued jobs could go with this one, itself included.
   * @param {Job} job
   */
  joinable(job) {
    return job.q_group ? job.q_group.size : Number(this.#has(job));
  }

  /**
   * Takes out every job whose deadline has come.
   * @param {number} now
   */
  expired(now) {
    const { items } = this.#deadlines;
    /** @type {Job[]} */
    const late = [];
    while (items.length && items[0].deadline <= now) {
      late.push(items[0]);
      this.#leave(items[0]);
    }
    return late;
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
    for (const { lanes } of this.#waiting)
      for (const { heads } of lanes) since = Math.min(since, heads.items[0].first.enqueued);
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

  /**
   * @param {Test} predicate
   * @returns {Job[]} what was taken out
   */
  removeWhere(predicate) {
    /** @type {Job[]} */
    const found = [];
    for (const { lanes } of this.#waiting) {
      for (const { classes } of lanes) {
        for (const each of classes.values())
          for (let job = /** @type {Job|undefined} */ (each.first); job; job = job.q_after)
            if (predicate(job)) found.push(job);
      }
    }
    for (const job of found) this.#leave(job);
    return found;
  }

  /** @param {Job} job */
  #has(job) {
    return job.q_class !== undefined && this.#requesters.get(job.requester) === job.q_requester;
  }

  /**
   * @param {Job} job
   * @param {boolean} front
   */
  #enter(job, front) {
    if (job.q_class) throw new Error(`job ${job.number} is queued already`);
    const requester = this.#requester(job.requester);
    job.q_requester = requester;
    job.q_before = job.q_after = undefined;
    this.#enterClass(job, this.#lane(requester, clampPriority(job.priority)), front);
    job.q_group = job.q_joinBefore = job.q_joinAfter = undefined;
    if (job.joinKey !== 0 && !job.alone) this.#enterGroup(job, front);
    job.q_at = -1;
    if (job.deadline !== Infinity) this.#deadlines.push(job);
    ++this.#size;
  }

  /** @param {number} id */
  #requester(id) {
    let requester = this.#requesters.get(id);
    if (!requester) {
      if (this.#requesters.size - this.#waiting.length >= kMaxIdleRequesters) this.#forgetIdle();
      this.#requesters.set(id, (requester = new RequesterState(++this.#newcomers)));
    }
    return requester;
  }

  // Requesters come and go with their processes; one that is forgotten only counts as never served.
  #forgetIdle() {
    for (const [id, { lanes }] of this.#requesters) if (!lanes.length) this.#requesters.delete(id);
  }

  /**
   * @param {RequesterState} requester
   * @param {number} priority
   */
  #lane(requester, priority) {
    for (const lane of requester.lanes) if (lane.priority === priority) return lane;
    const lane = new Lane(requester, priority, this.#compareClasses);
    if (!requester.lanes.length) this.#waiting.push(requester);
    requester.lanes.push(lane);
    return lane;
  }

  /**
   * @param {Job} job
   * @param {Lane} lane
   * @param {boolean} front
   */
  #enterClass(job, lane, front) {
    const key = classKey(job);
    let own = lane.classes.get(key);
    job.q_class = own;
    if (!own) {
      lane.classes.set(key, (job.q_class = own = new JobClass(lane, key, job)));
      lane.heads.push(own);
    } else if (front) {
      job.q_after = own.first;
      own.first.q_before = job;
      own.first = job;
      lane.heads.moved(own);
    } else {
      job.q_before = own.last;
      own.last.q_after = job;
      own.last = job;
    }
  }

  /**
   * @param {Job} job
   * @param {boolean} front
   */
  #enterGroup(job, front) {
    const key = `${job.joinKey}|${job.contextType}|${job.affinity}|${job.excluded}`;
    let group = this.#groups.get(key);
    if (!group) this.#groups.set(key, (group = new JoinGroup(key)));
    job.q_group = group;
    ++group.size;
    if (front) {
      job.q_joinAfter = group.first;
      if (group.first) group.first.q_joinBefore = job;
      else group.last = job;
      group.first = job;
    } else {
      job.q_joinBefore = group.last;
      if (group.last) group.last.q_joinAfter = job;
      else group.first = job;
      group.last = job;
    }
  }

  /** @param {Job} job */
  #leave(job) {
    this.#leaveClass(job, /** @type {JobClass} */ (job.q_class));
    if (job.q_group) this.#leaveGroup(job, job.q_group);
    if (job.deadline !== Infinity) this.#deadlines.remove(job);
    job.q_class = job.q_group = job.q_before = job.q_after = job.q_joinBefore = job.q_joinAfter = undefined;
    if (job === this.#offer.job) this.#offer.job = undefined;
    --this.#size;
  }

  /**
   * @param {Job} job
   * @param {JobClass} own
   */
  #leaveClass(job, own) {
    const { q_before: before, q_after: after } = job;
    if (after) after.q_before = before;
    else if (before) own.last = before;
    if (before) before.q_after = after;
    else if (after) {
      own.first = after;
      own.lane.heads.moved(own);
    } else this.#dropClass(own);
  }

  /** @param {JobClass} own */
  #dropClass({ lane, key }) {
    const { requester } = lane;
    lane.heads.remove(/** @type {JobClass} */ (lane.classes.get(key)));
    lane.classes.delete(key);
    if (lane.classes.size) return;
    removeFrom(requester.lanes, lane);
    if (!requester.lanes.length) removeFrom(this.#waiting, requester);
  }

  /**
   * @param {Job} job
   * @param {JoinGroup} group
   */
  #leaveGroup(job, group) {
    const { q_joinBefore: before, q_joinAfter: after } = job;
    if (before) before.q_joinAfter = after;
    else group.first = after;
    if (after) after.q_joinBefore = before;
    else group.last = before;
    if (--group.size === 0) this.#groups.delete(group.key);
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
    for (const { lanes } of requesters) {
      for (const lane of lanes) {
        const own = lane.heads.items[0];
        if (lane.priority >= priority && (!best || this.#compareClasses(own, best) < 0)) best = own;
      }
    }
    if (!best) return undefined;
    if (this.#fits(best.first, fits)) return best.first;
    const heaps = requesters.flatMap(({ lanes }) =>
      lanes.filter((lane) => lane.priority >= priority).map(({ heads }) => heads),
    );
    for (const { first } of inOrder(heaps, this.#compareClasses)) if (this.#fits(first, fits)) return first;
    return undefined;
  }

  /**
   * @param {Job} job
   * @param {Job} oldest
   */
  #isInTurn(job, oldest) {
    const { turn } = /** @type {RequesterState} */ (job.q_requester);
    return job === oldest && this.#waiting.every((requester) => requester.turn >= turn);
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
    const before = this.#waiting.filter((requester) => requester.turn < turn).sort((a, b) => a.turn - b.turn);
    for (const requester of before) {
      const job = this.#firstFit([requester], priority, fits);
      if (job) return job;
    }
    return oldest;
  }
}

module.exports = { JobQueue };
