// Which texts go into the next job: pure decisions, without clocks or I/O, over texts that wait.
'use strict';

/**
 * A text that a call waits for. Equal texts of several calls are one entry in the lists of all of them.
 * @typedef {object} WaitingText
 * @property {number} cost
 * @property {boolean} isWanted whether somebody still waits for it
 * @property {boolean} isGiven whether a job has it, or it was dropped
 */

/**
 * What a text takes, in tokens of a short one: attention looks at pairs of tokens, everything else at tokens.
 * @param {number} tokens
 * @param {number} square tokens of a text whose attention costs as much as everything else
 */
function costOf(tokens, square) {
  return Math.max(1, tokens + (tokens * tokens) / square);
}

/**
 * When a call should be served: when it came, and what its texts take later. So a short call passes a long one that has
 * not been served yet, and none waits for ever. One whose deadline is near is due in time for that.
 * @param {number} arrived ms
 * @param {number} cost of all its texts
 * @param {number} msPerCost
 * @param {number} deadline ms, Infinity for none
 */
function dueOf(arrived, cost, msPerCost, deadline) {
  const takes = cost * msPerCost;
  return Math.min(arrived + takes, Math.max(arrived, deadline - 2 * takes));
}

/** A call's texts in their order, as a list that is read once. @template {WaitingText} T */
class WaitingCall {
  /** @type {T[]} */
  #texts = [];
  #next = 0;
  /** Of the texts that were not read. */
  cost = 0;

  /** @param {number} due */
  constructor(due) {
    this.due = due;
  }

  /** @param {T} text */
  add(text) {
    this.#texts.push(text);
    this.cost += text.cost;
  }

  /**
   * The next text that no job has and that is wanted.
   * @param {(text: T) => void} drop
   * @returns {T|undefined}
   */
  peek(drop) {
    for (; this.#next < this.#texts.length; this.take()) {
      const text = this.#texts[this.#next];
      if (text.isGiven) continue;
      if (text.isWanted) return text;
      text.isGiven = true;
      drop(text);
    }
    return undefined;
  }

  take() {
    this.cost -= this.#texts[this.#next++].cost;
  }
}

/** Calls of one kind that wait, by when they are due. @template {WaitingText} T */
class TokenPlan {
  /** @type {WaitingCall<T>[]} the first that is due comes first */
  #calls = [];
  #drop;

  /** @param {(text: T) => void} [drop] is told of each text that nobody wants any more */
  constructor(drop = () => {}) {
    this.#drop = drop;
  }

  /** Whether there is no call; one may turn out to have no text left. */
  get isEmpty() {
    return this.#calls.length === 0;
  }

  /**
   * Equal ones in the order in which they came.
   * @param {WaitingCall<T>} call
   */
  add(call) {
    let low = 0;
    let high = this.#calls.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#calls[middle].due <= call.due) low = middle + 1;
      else high = middle;
    }
    this.#calls.splice(low, 0, call);
  }

  /**
   * The texts of the next job: at most the budget, or one text that is more. What waits is shared out evenly: 1.2
   * budgets are two jobs of 0.6, which end together.
   * @param {number} budget
   * @returns {T[]} marked as given; empty: nothing waits
   */
  next(budget) {
    let waiting = 0;
    for (const { cost } of this.#calls) waiting += cost;
    const share = waiting / Math.max(1, Math.ceil(waiting / budget));
    /** @type {T[]} */
    const taken = [];
    let cost = 0;
    while (this.#calls.length) {
      const [call] = this.#calls;
      const text = call.peek(this.#drop);
      if (!text) {
        this.#calls.shift();
        continue;
      }
      if (taken.length && (cost + text.cost > budget || cost + text.cost / 2 > share)) break;
      call.take();
      text.isGiven = true;
      cost += text.cost;
      taken.push(text);
    }
    return taken;
  }
}

/**
 * What is left of a job that failed with texts of several callers: texts that the same callers wait for stay together.
 * One group: it can't be told any further whose fault it was.
 * @template T
 * @param {T[]} texts
 * @param {(text: T) => string} waitersOf
 * @returns {T[][]}
 */
function apart(texts, waitersOf) {
  /** @type {Map<string, T[]>} */
  const groups = new Map();
  for (const text of texts) {
    const key = waitersOf(text);
    const group = groups.get(key);
    if (group) group.push(text);
    else groups.set(key, [text]);
  }
  return [...groups.values()];
}

module.exports = { costOf, dueOf, WaitingCall, TokenPlan, apart };
