// What may be spent in a day or a month of UTC, and whether it is.
'use strict';
const { GPUError, epochMs } = require('../core');

/** @typedef {import('../index').BudgetState} BudgetState */
/** @typedef {Required<import('../index').BudgetRule>} Rule */

/**
 * @param {'day'|'month'} period
 * @param {number} at
 * @returns {{ start: number, end: number }} that it lies in
 */
function periodAt(period, at) {
  const date = new Date(at);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  const day = period === 'day' ? date.getUTCDate() : 1;
  const end = period === 'day' ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1, 1);
  return { start: Date.UTC(year, month, day), end };
}

/**
 * What jobs are refused with.
 * @param {BudgetState} budget that is used up
 * @param {number} [now] as Date.now() has it
 */
function budgetError({ name, limit, spent, resetsAt }, now = epochMs()) {
  const error = new GPUError(
    'ERR_BUDGET',
    `the budget '${name}' of ${limit} is used up (${Number(spent.toPrecision(6))} were spent): ` +
      `it begins anew at ${new Date(resetsAt).toISOString()}`,
  );
  error.retryAfter = Math.max(1, Math.ceil(resetsAt - now));
  return error;
}

class Budgets {
  #rules;
  #spentSince;
  #onChange;
  /** @type {BudgetState[]} */
  #states = [];

  /**
   * @param {readonly Rule[]} rules
   * @param {(start: number) => number} spentSince
   * @param {(state: BudgetState) => void} onChange of its state
   */
  constructor(rules, spentSince, onChange) {
    this.#rules = rules;
    this.#spentSince = spentSince;
    this.#onChange = onChange;
  }

  /**
   * @param {number} now as Date.now() has it
   * @returns {BudgetState[]}
   */
  look(now) {
    const before = this.#states;
    this.#states = this.#rules.map(({ name, period, limit, warnAt, stop }) => {
      const { start, end } = periodAt(period, now);
      const spent = this.#spentSince(start);
      const state = stop && spent >= limit ? 'stopped' : spent >= warnAt * limit ? 'warning' : 'ok';
      return { name, period, limit, spent, state, resetsAt: end };
    });
    for (const [i, state] of this.#states.entries())
      if (state.state !== (before[i]?.state ?? 'ok')) this.#onChange(state);
    return this.#states;
  }

  /** The one that is used up for the longest, of the last look. @returns {BudgetState|undefined} */
  get stopped() {
    return this.#states
      .filter(({ state }) => state === 'stopped')
      .reduce((/** @type {BudgetState|undefined} */ a, b) => (a && a.resetsAt >= b.resetsAt ? a : b), undefined);
  }

  /** How much of the one that is used up most is spent, 0 to 1 and more; NaN: there is none. */
  get share() {
    const shares = this.#states.map(({ spent, limit }) => (limit > 0 ? spent / limit : 1));
    return shares.length ? Math.max(...shares) : NaN;
  }
}

module.exports = { Budgets, budgetError };
