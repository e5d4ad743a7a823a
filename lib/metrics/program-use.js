// What contexts hold of compiled programs, and have counted: sums over the status pages of members.
'use strict';
const { inContext, kMaxContexts, contextAt } = require('./status-page');

/**
 * Sums over all contexts; the last three only grow.
 * @typedef {{ programs: number, bytes: number, hits: number, misses: number, ms: number }} ProgramUse
 */

// What only grows stays counted when a member has gone.
const kGrowing = /** @type {const} */ (['hits', 'misses', 'ms']);

/** @returns {ProgramUse} */
function noUse() {
  return { programs: 0, bytes: 0, hits: 0, misses: 0, ms: 0 };
}

/**
 * @param {ProgramUse} sum
 * @param {Float64Array} page a member's
 */
function addUse(sum, page) {
  for (let n = 0; n < kMaxContexts; ++n) {
    const at = contextAt(n);
    sum.programs += plain(page[at + inContext.programs]);
    sum.bytes += plain(page[at + inContext.programBytes]);
    sum.hits += plain(page[at + inContext.programHits]);
    sum.misses += plain(page[at + inContext.programMisses]);
    sum.ms += plain(page[at + inContext.compileMs]);
  }
  return sum;
}

/** @param {number} value out of a page that a process may have written anything to */
function plain(value) {
  return value > 0 && value < Infinity ? value : 0;
}

/** The sum over members, those that are gone included. */
class ProgramCounts {
  /** @type {Map<unknown, Float64Array>} */
  #pages = new Map();
  #retired = noUse();
  #last = noUse();

  /**
   * @param {unknown} member
   * @param {Float64Array} page its status page
   */
  attach(member, page) {
    this.#pages.set(member, page);
  }

  /** @param {unknown} member what it counted stays */
  retire(member) {
    const page = this.#pages.get(member);
    if (!page) return;
    this.#pages.delete(member);
    const gone = addUse(noUse(), page);
    for (const name of kGrowing) this.#retired[name] += gone[name];
  }

  /** @returns {ProgramUse} */
  sum() {
    const sum = { ...this.#retired };
    for (const page of this.#pages.values()) addUse(sum, page);
    // In another order the same sum may be a rounding less, which a reader of counters would take for a restart.
    for (const name of kGrowing) this.#last[name] = sum[name] = Math.max(this.#last[name], sum[name]);
    return sum;
  }
}

module.exports = { ProgramCounts };
