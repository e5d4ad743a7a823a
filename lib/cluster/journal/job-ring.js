// The jobs that ended last, so that it can be said later what became of each: numbers in one typed array, names by
// reference. Sentences are made of them only when somebody asks (steps.js).
'use strict';
const { kCodes } = require('../../addon');

/** How many jobs that have ended are kept, in the coordinator and in each process of those it ran by itself. */
const kKept = 10_000;
const kLongestName = 256; // characters kept of an id: users give it, and there are many
const kLongestMessage = 1000;

/** Where what stands in a record. Times are ms, points of time those of nowMs(). */
const at = Object.freeze({
  number: 0, // that its requester gave it
  requester: 1, // its worker's id
  asked: 2,
  deadline: 3, // Infinity for none
  priority: 4,
  cost: 5, // by estimate, on the reference core
  waits: 6, // kWaits
  before: 7, // how many jobs were in the queue when it came
  given: 8, // when it went to its last context; 0: never
  held: 9, // how many of its inputs that one had already
  attempts: 10,
  ended: 11,
  code: 12, // 0, or 1 + the place in src/errors.def
  batch: 13, // how many went in one launch
  switch: 14,
  upload: 15,
  compute: 16,
  readback: 17,
  flags: 18,
  came: 19, // to the coordinator
  numbers: 20,
});
const kOwn = 1; // its process ran it on a context of its own, without the coordinator
const kCached = 2; // it got the outputs of an equal job

/**
 * What is known of a job, living or not, for its steps.
 * @typedef {object} JobFacts
 * @property {string} id
 * @property {string} type
 * @property {number} requester
 * @property {number} asked by its user
 * @property {number} came to the coordinator
 * @property {number} deadline
 * @property {number} priority
 * @property {number} cost
 * @property {number} waits
 * @property {number} before
 * @property {string|undefined} waitedFor the context that it waited for last
 * @property {number} given
 * @property {string|undefined} context its last one
 * @property {number} held
 * @property {number} attempts
 * @property {string[]|undefined} tries what became of earlier attempts
 * @property {boolean} own
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

class JobRing {
  #kept;
  #count = 0;
  #next = 0;
  /** @type {(string|undefined)[]} given by users; the others follow from the numbers */
  #ids;
  /** @type {string[]} */
  #types;
  /** @type {(string|undefined)[]} */
  #contexts;
  /** @type {(string|undefined)[]} */
  #waitedFor;
  /** @type {(string|undefined)[]} */
  #messages;
  /** @type {(string[]|undefined)[]} */
  #tries;
  /** The records' numbers. */
  numbers;

  /** @param {number} [kept] how many */
  constructor(kept = kKept) {
    this.#kept = kept;
    // The system gives zeros that take no memory before they are written to.
    this.numbers = new Float64Array(kept * at.numbers);
    this.#ids = new Array(kept);
    this.#types = new Array(kept);
    this.#contexts = new Array(kept);
    this.#waitedFor = new Array(kept);
    this.#messages = new Array(kept);
    this.#tries = new Array(kept);
  }

  /** Whether some have been forgotten. */
  get isFull() {
    return this.#count > this.#kept;
  }

  /**
   * Takes the place of the oldest record.
   * @param {string|undefined} id given by its user
   * @param {string} type
   * @param {string|undefined} context where it ran
   * @param {string|undefined} [waitedFor]
   * @param {string|undefined} [message] of the error it ended with
   * @param {string[]|undefined} [tries]
   * @returns {number} where its numbers are to be written
   */
  add(id, type, context, waitedFor, message, tries) {
    const place = this.#next;
    this.#next = place + 1 === this.#kept ? 0 : place + 1;
    ++this.#count;
    this.#ids[place] = id === undefined ? undefined : cut(id, kLongestName);
    this.#types[place] = type;
    this.#contexts[place] = context;
    this.#waitedFor[place] = waitedFor;
    this.#messages[place] = message === undefined ? undefined : cut(message, kLongestMessage);
    this.#tries[place] = tries;
    return place * at.numbers;
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
      if (!isIt(this.#ids[place], numbers[start + at.requester], numbers[start + at.number])) continue;
      found = place;
      asked = numbers[start + at.asked];
    }
    return found < 0 ? undefined : this.#read(found);
  }

  /**
   * @param {number} place
   * @returns {JobFacts}
   */
  #read(place) {
    const n = this.numbers.subarray(place * at.numbers, (place + 1) * at.numbers);
    return {
      id: this.#ids[place] ?? nameOf(n[at.requester], n[at.number]),
      type: this.#types[place],
      requester: n[at.requester],
      asked: n[at.asked],
      came: n[at.came],
      deadline: n[at.deadline],
      priority: n[at.priority],
      cost: n[at.cost],
      waits: n[at.waits],
      before: n[at.before],
      waitedFor: this.#waitedFor[place],
      given: n[at.given],
      context: this.#contexts[place],
      held: n[at.held],
      attempts: n[at.attempts],
      tries: this.#tries[place],
      own: (n[at.flags] & kOwn) !== 0,
      cached: (n[at.flags] & kCached) !== 0,
      end: {
        at: n[at.ended],
        code: n[at.code] ? kCodes[n[at.code] - 1] : undefined,
        message: this.#messages[place],
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
  const wanted = cut(id, kLongestName);
  const [, requester, number] = /^job-(\d+)-(\d+)$/.exec(id) ?? [];
  const ofWorker = Number(requester),
    ofNumber = Number(number);
  return (given, itsRequester, itsNumber) =>
    given === undefined ? itsNumber === ofNumber && itsRequester === ofWorker : cut(given, kLongestName) === wanted;
}

/**
 * @param {string} text
 * @param {number} most characters
 */
function cut(text, most) {
  // joined anew: a part of a string keeps the whole of it in memory
  return text.length <= most ? text : Array.from(text.slice(0, most)).join('');
}

module.exports = { JobRing, kKept, kOwn, kCached, at, nameOf, matcher };
