// Searches of an index: one at a time for each that can run beside it, and those that ask alike as one, since a scan of
// many queries takes little longer than that of one. What comes in one turn of the event loop is joined, and what comes
// while as many searches run as contexts can take.
'use strict';
const { soon } = require('../../core');

/** @typedef {import('./options').Asked} Asked */
/** @typedef {import('../../index').SearchResults} SearchResults */
/** @typedef {{ data: Float32Array, count: number, asked: Asked }} Call */
/**
 * @typedef {object} Group
 * @property {string|undefined} key undefined: nobody joins it
 * @property {Asked} asked
 * @property {{ data: Float32Array, count: number, resolve: (results: SearchResults) => void,
 *   reject: (error: unknown) => void }[]} calls
 * @property {number} count of queries
 */

const kMostQueries = 256; // of a group

/**
 * What two searches have in common that can be one; undefined: that search goes alone.
 * @param {Asked} asked
 */
function keyOf({ k, isRange, threshold, approximate, filter, ids, includeVectors, includeMetadata, explain, job }) {
  const { signal, timeout, ...others } = job;
  if (explain || ids !== undefined || signal !== undefined || timeout !== undefined) return undefined;
  return JSON.stringify([`${k}`, isRange, threshold, approximate, filter, includeVectors, includeMetadata, others]);
}

class Searches {
  #run;
  #width;
  #running = 0;
  /** @type {Group[]} */
  #waiting = [];
  #isDue = false;

  /**
   * @param {(data: Float32Array, count: number, asked: Asked) => Promise<SearchResults>} run
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
    return new Promise((resolve, reject) => {
      const key = keyOf(asked);
      let group = this.#waiting.find((each) => each.key === key && each.count + count <= kMostQueries);
      if (key === undefined || group === undefined) {
        group = { key, asked, calls: [], count: 0 };
        this.#waiting.push(group);
      }
      group.calls.push({ data, count, resolve, reject });
      group.count += count;
      if (this.#isDue) return;
      this.#isDue = true;
      soon(() => {
        this.#isDue = false;
        this.#next();
      });
    });
  }

  #next() {
    while (this.#waiting.length && this.#running < this.#width()) {
      const group = /** @type {Group} */ (this.#waiting.shift());
      this.#running += 1;
      this.#runGroup(group).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  /** @param {Group} group */
  async #runGroup({ asked, calls, count }) {
    try {
      const data = calls.length === 1 ? calls[0].data : join(calls.map((call) => call.data));
      const results = await this.#run(data, count, asked);
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
