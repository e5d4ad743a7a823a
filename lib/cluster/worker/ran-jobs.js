// The jobs that ended within their call on a context of this process: hundreds of thousands a second, so little is
// kept of each, number by number: a copy of a piece of the addon's memory in one call takes four times as long.
'use strict';
const { kKept, grown, matcher, nameOf, typeOf, detailsOf } = require('../journal');
const { scratch, layout } = require('../../call');

/** @typedef {import('../journal').JobFacts} JobFacts */
/** @typedef {import('../journal').Details} Details */

const { resultUpload, resultCompute, resultReadback, resultTotal } = layout;
const kNumber = 0; // below zero where its user gave it an id
const kUpload = 1;
const kCompute = 2;
const kReadback = 3;
const kTotal = 4;
const kCounted = 5;
const kAsked = 6;
const kNumbers = 7;
const kWasKept = -1; // in the place of its compute time: it did not run

class RanJobs {
  #workerId;
  #numbers = new Float64Array(0);
  /** Where each ran. @type {string[]} */
  #contexts = [];
  /** Of those whose user gave them an id. @type {Details[]} */
  #details = [];
  #next = 0;
  /** Whether some have been forgotten. */
  isFull = false;

  /** @param {number} workerId */
  constructor(workerId) {
    this.#workerId = workerId;
  }

  /**
   * A job has ended within its call just now.
   * @param {number} number
   * @param {string|undefined} id
   * @param {number} counted
   * @param {string} context
   * @param {number} asked
   * @param {number} [waited] ms of that, before it was to run
   */
  add(number, id, counted, context, asked, waited = 0) {
    const place = this.#next;
    const start = place * kNumbers;
    const numbers = start === this.#numbers.length ? this.#grow() : this.#numbers;
    numbers[start + kUpload] = scratch[resultUpload];
    numbers[start + kCompute] = scratch[resultCompute];
    numbers[start + kReadback] = scratch[resultReadback];
    numbers[start + kTotal] = scratch[resultTotal] + waited;
    numbers[start + kCounted] = counted;
    numbers[start + kAsked] = asked;
    this.#contexts[place] = context;
    if (id === undefined) {
      numbers[start] = number;
    } else {
      numbers[start] = -number;
      this.#details[place] = detailsOf(id, undefined, undefined);
    }
    if ((this.#next = place + 1) === kKept) this.#wrap();
  }

  /**
   * A job was answered by a kept result.
   * @param {number} number
   * @param {string|undefined} id
   * @param {number} counted
   * @param {string} context where that was made
   * @param {number} asked
   * @param {number} ms
   */
  addKept(number, id, counted, context, asked, ms) {
    scratch[resultUpload] = scratch[resultReadback] = 0;
    scratch[resultCompute] = kWasKept;
    scratch[resultTotal] = ms;
    this.add(number, id, counted, context, asked);
  }

  /** A manager with few such jobs takes little memory for them. */
  #grow() {
    return (this.#numbers = grown(this.#numbers, kNumbers, kKept));
  }

  #wrap() {
    this.#next = 0;
    this.isFull = true;
  }

  /**
   * The job of that id; of several the one that was asked for last.
   * @param {string} id
   * @returns {JobFacts|undefined}
   */
  find(id) {
    const isIt = matcher(id);
    const count = this.isFull ? kKept : this.#next;
    for (let i = 1; i <= count; ++i) {
      const place = (this.#next - i + kKept) % kKept;
      if (isIt(this.#idOf(place), this.#workerId, this.#numbers[place * kNumbers + kNumber])) return this.#read(place);
    }
    return undefined;
  }

  /** @param {number} place */
  #idOf(place) {
    return this.#numbers[place * kNumbers + kNumber] < 0 ? this.#details[place].id : undefined;
  }

  /**
   * @param {number} place
   * @returns {JobFacts}
   */
  #read(place) {
    const n = this.#numbers.subarray(place * kNumbers, (place + 1) * kNumbers);
    return {
      id: this.#idOf(place) ?? nameOf(this.#workerId, n[kNumber]),
      type: typeOf(n[kCounted]),
      requester: this.#workerId,
      asked: n[kAsked],
      came: n[kAsked],
      deadline: undefined,
      priority: undefined,
      cost: 0,
      waits: 0,
      before: 0,
      waitedFor: undefined,
      given: 0,
      context: this.#contexts[place],
      attempts: 1,
      tries: undefined,
      own: true,
      isSplit: false,
      cached: n[kCompute] === kWasKept,
      end: {
        at: n[kAsked] + n[kTotal],
        code: undefined,
        message: undefined,
        batch: 1,
        switch: 0,
        upload: n[kUpload],
        compute: Math.max(0, n[kCompute]),
        readback: n[kReadback],
      },
    };
  }
}

module.exports = { RanJobs };
