// A job of texts, of one caller or of many: what it runs on, and whose rows are whose.
'use strict';
const { JointJob } = require('../call');
const { accountOfParts } = require('../operations');
const { apart } = require('./token-plan');

/** @typedef {import('./equal-texts').Texts} Texts */
/** @typedef {import('./text-call').TextCall} TextCall */
/** @typedef {import('../index').Tensor} Tensor */

const kMaxTimeout = 2 ** 31 - 1;

/** A text that runs once, whoever waits for it; of a call without texts one stands for none. */
class Text {
  /** @type {{ call: TextCall, index: number }[]|undefined} who else waits for it */
  others = undefined;
  /** @type {TextJob|undefined} that has it */
  job = undefined;
  isGiven = false;

  /**
   * @param {TextCall} call where it lies
   * @param {number} index
   * @param {number} hash
   * @param {number} cost
   */
  constructor(call, index, hash, cost) {
    this.call = call;
    this.texts = call.texts;
    this.index = index;
    this.hash = hash;
    this.cost = cost;
  }

  get isWanted() {
    return !this.call.isOver || (this.others?.some(({ call }) => !call.isOver) ?? false);
  }

  /** @param {(call: TextCall, index: number) => void} visit those that still wait */
  forWaiting(visit) {
    if (!this.call.isOver) visit(this.call, this.index);
    if (this.others) for (const { call, index } of this.others) if (!call.isOver) visit(call, index);
  }
}

class TextJob extends JointJob {
  isAtQueue = true;

  /**
   * @param {Text[]} texts
   * @param {number} priority
   * @param {number} now
   */
  constructor(texts, priority, now) {
    super();
    this.texts = texts;
    this.priority = priority;
    this.sent = now;
    this.cost = 0;
    let last = now;
    for (const text of texts) {
      text.job = this;
      this.cost += text.cost;
      text.forWaiting((call) => {
        call.jobs.add(this);
        last = Math.max(last, call.deadline);
      });
    }
    /** For how long it is tried: twice as long as any of its callers waits, so that others can wait for it, too. */
    this.timeout = 2 * (last - now) <= kMaxTimeout ? Math.max(1, 2 * (last - now)) : Infinity;
  }

  /**
   * Whether a call may wait for it.
   * @param {number} priority
   * @param {TextCall} call
   */
  suits(priority, { deadline }) {
    return this.priority >= priority && this.sent + this.timeout >= deadline && !this.isAborted;
  }

  /** Of texts: rows that it makes. */
  get count() {
    const [first] = this.texts;
    return first.call.count ? this.texts.length : 0;
  }

  get isWanted() {
    return this.texts.some(({ isWanted }) => isWanted);
  }

  /** Whom its cost is counted for: its callers, by what their texts cost. */
  get account() {
    return accountOfParts(this.texts.map(({ call, cost }) => [call.account, cost]));
  }

  /** Who waits. @returns {Set<TextCall>} */
  get calls() {
    /** @type {Set<TextCall>} */
    const calls = new Set();
    for (const text of this.texts) text.forWaiting((call) => calls.add(call));
    return calls;
  }

  /**
   * Its texts that are waited for, apart by who waits. One group, or none: they can't be told apart.
   * @returns {Text[][]}
   */
  apart() {
    const wanted = this.texts.filter(({ isWanted }) => isWanted);
    return apart(wanted, (text) => {
      /** @type {Set<number>} */
      const numbers = new Set();
      text.forWaiting(({ number }) => numbers.add(number));
      return [...numbers].join();
    });
  }

  /**
   * How many texts from one on lie side by side in one call.
   * @param {number} from
   */
  #run(from) {
    const { texts } = this;
    const { call, index } = texts[from];
    let end = from + 1;
    while (end < texts.length && texts[end].call === call && texts[end].index === index + end - from) ++end;
    return end - from;
  }

  /** Its texts one behind the other: a call's own arrays where it has all of one, else copies. @returns {Texts} */
  pack() {
    const { texts } = this;
    const [{ call }] = texts;
    if (!call.count || (texts.length === call.count && this.#run(0) === call.count)) return call.texts;
    let tokens = 0;
    for (const { call: of, index } of texts) tokens += of.texts.offsets[index + 1] - of.texts.offsets[index];
    const ids = new Int32Array(tokens);
    const typeIds = new Int32Array(tokens);
    const offsets = new Int32Array(texts.length + 1);
    let at = 0;
    for (let first = 0; first < texts.length;) {
      const count = this.#run(first);
      const { call: of, index } = texts[first];
      const { offsets: from } = of.texts;
      const begin = from[index];
      const end = from[index + count];
      ids.set(of.texts.ids.subarray(begin, end), at);
      typeIds.set(of.texts.typeIds.subarray(begin, end), at);
      for (let i = 1; i <= count; ++i) offsets[first + i] = at + from[index + i] - begin;
      at += end - begin;
      first += count;
    }
    return { ids, typeIds, offsets };
  }

  /**
   * Hands out its rows: to each caller memory of its own.
   * @param {Tensor} rows
   */
  give(rows) {
    const { texts } = this;
    let isFree = true;
    const hand = (/** @type {TextCall} */ to, /** @type {number} */ index, /** @type {number} */ count, from = 0) => {
      if (!to.isOver && to.take(index, count, rows, from, isFree)) isFree = false;
    };
    if (!this.count) hand(texts[0].call, 0, 0);
    for (let first = 0; first < this.count;) {
      const count = this.#run(first);
      const { call, index } = texts[first];
      hand(call, index, count, first);
      for (let i = first; i < first + count; ++i)
        for (const { call: other, index: its } of texts[i].others ?? []) hand(other, its, 1, i);
      first += count;
    }
  }
}

module.exports = { Text, TextJob };
