// Leads a search of the addon's: has each segment that it needs searched by a job, and hands the answers back, until
// what is found is proven.
'use strict';
const { nowMs, GPUError } = require('../../core');
const { offLoop } = require('./off-loop');

/** @typedef {import('../../addon/vector-calls').NativeVectorSearch} Search */
/** @typedef {import('../../addon/vector-calls').VectorNeed} Need */
/** @typedef {import('../../index').JobOptions} JobOptions */
/** @typedef {import('../../index').SearchExplanation} Explanation */
/** @typedef {import('./segments').Segments} Segments */
/** @typedef {import('./segments').Held} Held */
/** @typedef {import('./owner').Owner} Owner */

// Multiplications that take less than a hop to another thread and back.
const kAtOnce = 2 ** 17;

/**
 * The options of a job that begins now, of a call that has taken some time already.
 * @param {JobOptions} options
 * @param {number} began
 * @returns {JobOptions}
 */
function rest({ timeout, ...others }, began) {
  const { signal } = others;
  if (signal?.aborted)
    throw new GPUError('ERR_CANCELED', 'the search was canceled by its signal', { cause: signal.reason });
  if (timeout === undefined || timeout === Infinity) return { ...others, ...(timeout && { timeout }) };
  const left = timeout - (nowMs() - began);
  if (left <= 0) throw new GPUError('ERR_TIMEOUT', `the search did not end within ${timeout} ms`);
  return { ...others, timeout: left };
}

class LedSearch {
  #search;
  #segments;
  #owner;
  #queries;
  #dimensions;
  #metric;
  /** @type {Held[]} */
  #held = [];
  /** @type {{ name: number, rows: number, allowed: number, isSealed: boolean }[]} */
  #parts = [];
  /** @type {Set<string>[]} of each part which contexts searched it */
  #contexts = [];
  #jobMs = 0;

  /**
   * @param {Search} search
   * @param {Segments} segments
   * @param {Owner} owner
   * @param {{ queries: Float32Array, dimensions: number, metric: string }} what
   */
  constructor(search, segments, owner, { queries, dimensions, metric }) {
    this.#search = search;
    this.#segments = segments;
    this.#owner = owner;
    this.#queries = queries;
    this.#dimensions = dimensions;
    this.#metric = metric;
    this.#parts = search.parts();
    this.#held = this.#parts.map(({ name, isSealed }) => segments.enter(name, isSealed));
    this.#contexts = this.#parts.map(() => new Set());
  }

  /**
   * @param {boolean} plansOffLoop whether to plan takes long
   * @param {JobOptions} options
   * @param {number} began when the search was called
   * @param {boolean} inTurn one job after the other
   */
  async run(plansOffLoop, options, began, inTurn) {
    try {
      if (plansOffLoop) await offLoop((id) => this.#search.plan(id));
      else this.#search.plan(0);
      await this.#check();
      let needs;
      do {
        needs = this.#search.needs();
        const job = rest(options, began);
        const answers = await this.#answers(needs, job, inTurn);
        if (this.#search.work() <= kAtOnce) this.#search.advance(0, answers);
        else await offLoop((id) => this.#search.advance(id, answers));
        needs = this.#search.needs();
      } while (needs.length);
    } finally {
      for (const held of this.#held.splice(0)) this.#segments.leave(held);
    }
  }

  /**
   * @param {Need[]} needs
   * @param {JobOptions} job
   * @param {boolean} inTurn
   */
  async #answers(needs, job, inTurn) {
    if (!inTurn) return Promise.all(needs.map((need) => this.#answer(need, job)));
    const answers = [];
    for (const need of needs) answers.push(await this.#answer(need, job));
    return answers;
  }

  /** What is read of files: a search that would read damage says so, and gives no answer from it. */
  async #check() {
    if (this.#held.every(({ isChecked }) => isChecked)) return;
    const read = this.#search.parts().flatMap(({ allowed }, i) => (allowed ? [this.#held[i]] : []));
    for (const held of read) await this.#segments.check(held);
  }

  /**
   * @param {Need} need
   * @param {JobOptions} options
   * @returns {Promise<unknown[]>}
   */
  async #answer({ part, k, byRows, queries: wanted }, options) {
    const { rows } = this.#parts[part];
    const d = this.#dimensions;
    const all = wanted.length * d === this.#queries.length;
    const data = all ? this.#queries : new Float32Array(wanted.length * d);
    if (!all) wanted.forEach((query, i) => data.set(this.#queries.subarray(query * d, (query + 1) * d), i * d));
    const { inputs, leave } = this.#segments.inputsOf(this.#held[part], rows, byRows);
    const mask = this.#search.mask(part);
    const queries = { data, shape: [wanted.length, d], dtype: 'float32' };
    const workload = {
      type: 'similarity-search',
      inputs: { queries, ...inputs, ...(mask && { mask }) },
      params: { k, metric: this.#metric, precision: 'high' },
    };
    const began = nowMs();
    const { outputs, contextId } = await this.#owner.run(workload, options).finally(leave);
    this.#jobMs = Math.max(this.#jobMs, nowMs() - began);
    this.#contexts[part].add(contextId);
    return [outputs.scores.data, outputs.indices.data, outputs.bound?.data];
  }

  /**
   * @param {number} began
   * @returns {Explanation}
   */
  explain(began) {
    const segments = this.#search.parts().map((part, i) => ({
      rows: part.rows,
      allowed: part.allowed,
      scanned: part.isScanned,
      rounds: part.rounds,
      candidates: part.candidates,
      contexts: [...this.#contexts[i]],
    }));
    return { segments, jobMs: this.#jobMs, totalMs: nowMs() - began };
  }
}

module.exports = { LedSearch };
