// The jobs that ended last, so that it can be said later what became of each: numbers in one typed array, names by
// reference. Sentences are made of them only when somebody asks (steps.js).
'use strict';
const { kCodes } = require('../../addon');
const { countedNames, publicType } = require('../../call');
const { kHeld, kDetailed } = require('./waits');

/** How many jobs that have ended are kept, in the coordinator and in each process of those it ran by itself. */
const kKept = 10_000;
const kFirst = 64; // records that a ring has room for at first
const kLongestName = 256; // characters kept of an id: users give it, and there are many
const kLongestMessage = 1000;

/**
 * Where what stands in a record. It begins as a result does (src/cluster/messages.def), so that most of it is copied in
 * one piece. Times are ms, points of time those of nowMs().
 */
const at = Object.freeze({
  number: 0, // that its requester gave it
  code: 1, // 0, or 1 + the place in src/errors.def
  batch: 2, // how many went in one launch
  switch: 3,
  upload: 4,
  compute: 5,
  readback: 6,
  member: 7,
  context: 8,
  given: 9, // when it went to its last context; 0: never
  attempts: 10,
  flags: 11,
  requester: 12, // its worker's id
  asked: 13, // by its user
  came: 14, // to the coordinator
  ended: 15,
  deadline: 16, // Infinity for none
  priority: 17,
  cost: 18, // by estimate, on the reference core
  waits: 19, // kWaits
  before: 20, // how many jobs were in the queue when it came
  counted: 21, // which workload, by its place in countedNames; -1: a graph
  numbers: 22,
});
const kCached = 1; // it got the outputs of an equal job
const kOwn = 2; // its process ran it on a context of its own, without the coordinator
const kSplit = 4; // it was cut into parts, which are jobs by themselves

/**
 * What is known of a job, living or not, for its steps.
 * @typedef {object} JobFacts
 * @property {string} id
 * @property {string} type
 * @property {number} requester
 * @property {number} asked by its user
 * @property {number} came to the coordinator
 * @property {number|undefined} deadline undefined: not kept
 * @property {number|undefined} priority undefined: not kept
 * @property {number} cost
 * @property {number} waits
 * @property {number} before
 * @property {string|undefined} waitedFor the context that it waited for last
 * @property {number} given
 * @property {string|undefined} context its last one
 * @property {number} attempts
 * @property {string[]|undefined} tries what became of earlier attempts; of one that was cut, of its parts
 * @property {boolean} own
 * @property {boolean} isSplit it was cut into parts
 * @property {boolean} cached
 * @property {JobEnd|undefined} end undefined: it has not ended
 */
/**
 * @typedef {object} JobEnd
 * @property {number} at
 * @property {string|undefined} code
 * @property {string|undefined} message
 * @property {number} batch
 * @property {number} switch
 * @property {number} upload
 * @property {number} compute
 * @property {number} readback
 */

/**
 * What few records have: the id that its user gave a job, the message of its error, earlier attempts.
 * @typedef {{ id?: string, message?: string, tries?: string[] }} Details
 */

const kTypes = [...countedNames.map(publicType)];

class JobRing {
  #kept;
  #count = 0;
  /** The records' numbers. They grow with the records: most managers of a short life have few. */
  numbers = new Float64Array(0);
  /** Where each ran. @type {(string|undefined)[]} */
  contexts = [];
  /** The id of the context that each waited for last, which is not kept itself. @type {(string|undefined)[]} */
  waitedFor = [];
  /** Of those with kDetailed. @type {(Details|undefined)[]} */
  details = [];

  /** @param {number} [kept] how many */
  constructor(kept = kKept) {
    this.#kept = kept;
  }

  /** Whether some have been forgotten. */
  get isFull() {
    return this.#count > this.#kept;
  }

  /** @returns {number} the place of the oldest record, for a new one; `numbers` may be another array from now on */
  next() {
    const place = this.#count++ % this.#kept;
    if (place * at.numbers === this.numbers.length) this.numbers = grown(this.numbers, at.numbers, this.#kept);
    return place;
  }

  /**
   * The job of that id; of several the one that was asked for last.
   * @param {string} id
   * @returns {JobFacts|undefined}
   */
  find(id) {
    const isIt = matcher(id);
    const { numbers } = this;
    const kept = Math.min(this.#count, this.#kept);
    let found = -1;
    let asked = -Infinity;
    for (let place = 0, start = 0; place < kept; ++place, start += at.numbers) {
      if (numbers[start + at.asked] < asked) continue;
      if (!isIt(this.#detailsOf(place).id, numbers[start + at.requester], numbers[start + at.number])) continue;
      found = place;
      asked = numbers[start + at.asked];
    }
    return found < 0 ? undefined : this.#read(found);
  }

  /**
   * @param {number} place
   * @returns {Details}
   */
  #detailsOf(place) {
    return (this.numbers[place * at.numbers + at.waits] & kDetailed && this.details[place]) || {};
  }

  /**
   * @param {number} place
   * @returns {JobFacts}
   */
  #read(place) {
    const n = this.numbers.subarray(place * at.numbers, (place + 1) * at.numbers);
    const { id, message, tries } = this.#detailsOf(place);
    return {
      id: id ?? nameOf(n[at.requester], n[at.number]),
      type: typeOf(n[at.counted]),
      requester: n[at.requester],
      asked: n[at.asked],
      came: n[at.came],
      deadline: n[at.deadline],
      priority: n[at.priority],
      cost: n[at.cost],
      waits: n[at.waits],
      before: n[at.before],
      waitedFor: n[at.waits] & ~(kHeld | kDetailed) ? this.waitedFor[place] : undefined,
      given: n[at.given],
      context: this.contexts[place],
      attempts: n[at.attempts],
      tries,
      own: (n[at.flags] & kOwn) !== 0,
      isSplit: (n[at.flags] & kSplit) !== 0,
      cached: (n[at.flags] & kCached) !== 0,
      end: {
        at: n[at.ended],
        code: n[at.code] ? kCodes[n[at.code] - 1] : undefined,
        message,
        batch: n[at.batch],
        switch: n[at.switch],
        upload: n[at.upload],
        compute: n[at.compute],
        readback: n[at.readback],
      },
    };
  }
}

/**
 * The numbers of records, with room for twice as many.
 * @param {Float64Array} numbers
 * @param {number} size numbers of one record
 * @param {number} most records
 */
function grown(numbers, size, most) {
  const records = Math.min(most, Math.max(kFirst, 2 * (numbers.length / size)));
  const larger = new Float64Array(records * size);
  larger.set(numbers);
  return larger;
}

/**
 * @param {number} counted
 * @returns {string} the type of a workload, as its user has written it
 */
function typeOf(counted) {
  return counted < 0 ? 'graph' : /** @type {string} */ (kTypes[counted]);
}

/**
 * What is kept of names and messages, of which there may be many, and long ones.
 * @param {string|undefined} id
 * @param {string|undefined} message
 * @param {string[]|undefined} tries
 * @returns {Details}
 */
function detailsOf(id, message, tries) {
  return {
    id: id === undefined ? undefined : cutId(id),
    message: message === undefined ? undefined : cut(message, kLongestMessage),
    tries,
  };
}

/**
 * What a job is called whose user gave it no id.
 * @param {number} requester its worker's id
 * @param {number} number that this one gave it
 */
function nameOf(requester, number) {
  return `job-${requester}-${number}`;
}

/**
 * Tells the job of an id from others.
 * @param {string} id
 * @returns {(given: string|undefined, requester: number, number: number) => boolean}
 */
function matcher(id) {
  const wanted = cutId(id);
  const [, requester, number] = /^job-(\d+)-(\d+)$/.exec(id) ?? [];
  const ofWorker = Number(requester),
    ofNumber = Number(number);
  return (given, itsRequester, itsNumber) =>
    given === undefined ? itsNumber === ofNumber && itsRequester === ofWorker : cutId(given) === wanted;
}

/**
 * An id as it is told and kept: whole ones may not fit into a message together, and one alone may be too long for it.
 * @param {string} id
 */
function cutId(id) {
  return cut(id, kLongestName);
}

/**
 * @param {string} text
 * @param {number} most characters
 */
function cut(text, most) {
  // joined anew: a part of a string keeps the whole of it in memory
  return text.length <= most ? text : Array.from(text.slice(0, most)).join('');
}

module.exports = { JobRing, grown, kKept, kOwn, kSplit, kCached, at, typeOf, detailsOf, nameOf, matcher, cutId };
