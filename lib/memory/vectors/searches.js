// Searches of an index: one at a time for each that can run beside it, and those that ask alike as one, since a scan of
// many queries takes little longer than that of one. What comes in one turn of the event loop is joined, and what comes
// while as many searches run as contexts can take. One whose time is over, or whose signal is aborted, ends there and
// then: in the queue it is taken out, and of one that runs nobody waits for the rest.
'use strict';
const { nextId, settle, track } = require('../../call');
const { nowMs, soon } = require('../../core');
const { accountOfParts, checkAccount } = require('../../operations');

/** @typedef {import('./options').Asked} Asked */
/** @typedef {import('../../index').SearchResults} SearchResults */
/** @typedef {import('../../index').Account} Account */
/** @typedef {{ data: Float32Array, count: number, asked: Asked }} Call `data` nobody else writes to */
/**
 * @typedef {{ data: Float32Array, count: number, account: Account|undefined, resolve: (results: SearchResults) => void,
 *   reject: (error: unknown) => void }} Waiting
 */
/**
 * @typedef {object} Group
 * @property {string|undefined} key undefined: nobody joins it
 * @property {Asked} asked
 * @property {Waiting[]} calls
 * @property {number} count of queries
 * @property {number} began when it was called, by nowMs()
 */

const kMostQueries = 256; // of a group

/**
 * What two searches have in common that can be one; undefined: that search goes alone.
 * @param {Asked} asked
 */
function keyOf({ k, isRange, threshold, approximate, filter, ids, includeVectors, includeMetadata, explain, job }) {
  const { signal, timeout, account, ...others } = job;
  if (explain || ids !== undefined || signal !== undefined || timeout !== undefined) return undefined;
  // What is wrong with one is for the job to refuse.
  if (Object.values(others).some(isNoPlainValue) || !isAccount(account)) return undefined;
  // JSON has no word for an infinity, and none for undefined in an array.
  const numbers = [k, threshold, others.priority, others.retries].map(String);
  return JSON.stringify([numbers, isRange, approximate, filter, includeVectors, includeMetadata, others]);
}

/** @param {unknown} value */
function isNoPlainValue(value) {
  return typeof value !== 'string' && typeof value !== 'number';
}

/** @param {unknown} given whom a search is counted for; each has its share of one that is joined */
function isAccount(given) {
  try {
    if (given !== undefined) checkAccount(given);
    return true;
  } catch {
    return false;
  }
}

/** @param {SearchResults} results */
const asTheyAre = (results) => results;

class Searches {
  #run;
  #width;
  #running = 0;
  /** @type {Group[]} */
  #waiting = [];
  #isDue = false;
  /** @type {Set<Promise<void>>} */
  #runs = new Set();

  /**
   * @param {(data: Float32Array, count: number, asked: Asked, began: number) => Promise<SearchResults>} run
   * @param {() => number} width how many searches run at once
   */
  constructor(run, width) {
    this.#run = run;
    this.#width = width;
  }

  /**
   * @param {Call} call whose filter is JSON
   * @returns {Promise<SearchResults>}
   */
  add({ data, count, asked }) {
    const { signal, timeout, account } = asked.job;
    if (signal === undefined && timeout === undefined)
      return new Promise((resolve, reject) => {
        this.#put({ data, count, account, resolve, reject }, asked);
      });
    const id = nextId();
    /** @type {Waiting} */
    const call = {
      data,
      count,
      account,
      resolve: (results) => settle(id, undefined, results),
      reject: (error) => settle(id, error, undefined),
    };
    const group = this.#put(call, asked);
    return track(id, { signal, timeout }, undefined, asTheyAre, () => {
      const at = this.#waiting.indexOf(group);
      if (at < 0) return; // it runs, and ends where it looks at its signal and its time
      this.#waiting.splice(at, 1);
      soon(() => settle(id, undefined, undefined));
    });
  }

  /** Resolves when nothing runs any more, given up or not. */
  async settled() {
    while (this.#runs.size) await Promise.all(this.#runs);
  }

  /**
   * @param {Waiting} call
   * @param {Asked} asked
   */
  #put(call, asked) {
    const key = keyOf(asked);
    let group = this.#waiting.find((each) => each.key === key && each.count + call.count <= kMostQueries);
    if (key === undefined || group === undefined) {
      group = { key, asked, calls: [], count: 0, began: nowMs() };
      this.#waiting.push(group);
    }
    group.calls.push(call);
    group.count += call.count;
    if (!this.#isDue) {
      this.#isDue = true;
      soon(() => {
        this.#isDue = false;
        this.#next();
      });
    }
    return group;
  }

  #next() {
    while (this.#waiting.length && this.#running < this.#width()) {
      const group = /** @type {Group} */ (this.#waiting.shift());
      this.#running += 1;
      const run = this.#runGroup(group).finally(() => {
        this.#runs.delete(run);
        this.#running -= 1;
        this.#next();
      });
      this.#runs.add(run);
    }
  }

  /** @param {Group} group */
  async #runGroup({ asked, calls, count, began }) {
    try {
      const data = calls.length === 1 ? calls[0].data : join(calls.map((call) => call.data));
      const account = accountOfParts(calls.map((call) => [call.account, call.count]));
      const job = account ? { ...asked.job, account } : asked.job;
      const results = await this.#run(data, count, { ...asked, job }, began);
      let at = 0;
      for (const call of calls) {
        const end = at + call.count;
        call.resolve(calls.length === 1 ? results : part(results, at, end));
        at = end;
      }
    } catch (error) {
      for (const call of calls) call.reject(error);
    }
  }
}

/** @param {Float32Array[]} all */
function join(all) {
  const joined = new Float32Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of all) {
    joined.set(each, at);
    at += each.length;
  }
  return joined;
}

/**
 * @param {SearchResults} results
 * @param {number} at
 * @param {number} end
 * @returns {SearchResults}
 */
function part({ ids, scores, vectors, metadata }, at, end) {
  return {
    ids: ids.slice(at, end),
    scores: scores.slice(at, end),
    ...(vectors && { vectors: vectors.slice(at, end) }),
    ...(metadata && { metadata: metadata.slice(at, end) }),
  };
}

module.exports = { Searches };
