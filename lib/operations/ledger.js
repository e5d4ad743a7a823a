// What jobs have cost, by hour and by day: rows that processes report are added to the buckets of now. Kept in a
// journal where there is one, and read back from there.
'use strict';
const { epochMs } = require('../core');
const { adviceOf } = require('./advice');
const { addRow } = require('./use-rows');

/** @typedef {import('./device-use').UseRow} UseRow */
/** @typedef {import('../index').CostSum} CostSum */
/** @typedef {import('../index').Savings} Savings */
/** @typedef {import('../index').CostPeriod} CostPeriod */
/** @typedef {import('../index').CostReport} CostReport */
/** @typedef {{ start: number, cost: number, rows: Map<string, UseRow> }} Bucket */

const kHourMs = 3_600_000;
const kDayMs = 24 * kHourMs;
const kMostHours = 24 * 8;
const kMostDays = 92;
const kViews = /** @type {const} */ ([
  ['byDevice', 'device'],
  ['byWorkload', 'workload'],
  ['byCaller', 'caller'],
  ['byToken', 'token'],
  ['byModel', 'model'],
]);

/** @returns {CostSum} */
const noCost = () => ({ jobs: 0, seconds: 0, cost: 0 });

/** @returns {Savings} */
const noSavings = () => ({ cache: 0, batching: 0, routing: 0 });

/**
 * @param {Savings} savings
 * @param {UseRow} row
 */
function addSavings(savings, { savedByCache, savedByBatching, savedByRouting }) {
  savings.cache += savedByCache;
  savings.batching += savedByBatching;
  savings.routing += savedByRouting;
}

/**
 * @param {CostSum} sum
 * @param {UseRow} row
 */
function addCost(sum, { jobs, ms, cost }) {
  sum.jobs += jobs;
  sum.seconds += ms / 1000;
  sum.cost += cost;
}

/**
 * What the views of a period tell of rows.
 * @param {Iterable<UseRow>} rows
 */
function viewsOf(rows) {
  const sum = noCost();
  const savings = noSavings();
  const views = /** @type {Record<typeof kViews[number][0], Record<string, CostSum>>} */ (
    // A caller may be called anything.
    Object.fromEntries(kViews.map(([view]) => [view, Object.create(null)]))
  );
  for (const row of rows) {
    addCost(sum, row);
    addSavings(savings, row);
    for (const [view, name] of kViews) {
      if ((name === 'token' || name === 'model') && row[name] === '') continue;
      addCost((views[view][row[name]] ??= noCost()), row);
    }
  }
  for (const [view] of kViews) views[view] = { ...views[view] };
  return { sum, savings, views };
}

/** @param {number} at */
const dayOf = (at) => Math.floor(at / kDayMs) * kDayMs;

/**
 * @param {Bucket[]} buckets the latest last
 * @param {number} ms of one
 * @param {number} at
 */
function bucketAt(buckets, ms, at) {
  const start = Math.floor(at / ms) * ms;
  let last = buckets.at(-1);
  // A clock that was set back counts in the latest there is.
  if (!last || last.start < start) buckets.push((last = { start, cost: 0, rows: new Map() }));
  return last;
}

class Ledger {
  #epoch;
  #currency;
  /** @type {import('./cost-journal').CostJournal|undefined} */
  #journal;
  /** @type {Bucket[]} the latest last */
  #hours = [];
  /** @type {Bucket[]} */
  #days = [];
  #now = noCost();
  #saved = noSavings();

  /**
   * @param {object} parts
   * @param {string} parts.currency
   * @param {import('./cost-journal').CostJournal} [parts.journal]
   * @param {() => number} [parts.epoch] ms
   */
  constructor({ currency, journal, epoch = epochMs }) {
    this.#currency = currency;
    this.#journal = journal;
    this.#epoch = epoch;
    if (!journal) return;
    journal.snapshot = () => this.#records();
    for (const { at, row } of journal.read()) this.#put(at, row);
  }

  /** @param {readonly UseRow[]} rows that a process reports */
  add(rows) {
    const now = this.#epoch();
    for (const row of rows) {
      addCost(this.#now, row);
      addSavings(this.#saved, row);
      this.#put(now, row);
    }
    this.#journal?.add(this.#bucketsAt(now).hour.start, rows);
  }

  /**
   * @param {number} at
   * @param {UseRow} row
   */
  #put(at, row) {
    const { hour, day } = this.#bucketsAt(at);
    for (const bucket of [hour, day]) {
      bucket.cost += row.cost;
      addRow(bucket.rows, row);
    }
  }

  /** @param {number} at */
  #bucketsAt(at) {
    const hour = bucketAt(this.#hours, kHourMs, at);
    const day = bucketAt(this.#days, kDayMs, at);
    // Whole days of hours go, so that of each day all are there, or none.
    while (this.#hours.length > kMostHours) {
      const first = dayOf(this.#hours[0].start);
      while (this.#hours.length && dayOf(this.#hours[0].start) === first) this.#hours.shift();
    }
    if (this.#days.length > kMostDays) this.#days.shift();
    return { hour, day };
  }

  /** All there is, in few records: of days whose hours have gone the days. */
  #records() {
    const first = this.#hours.length ? dayOf(this.#hours[0].start) : Infinity;
    return [...this.#days.filter(({ start }) => start < first), ...this.#hours].map(({ start, rows }) => ({
      at: start,
      rows: [...rows.values()],
    }));
  }

  /**
   * Spent since a point of time, by whole days.
   * @param {number} since the beginning of a day
   */
  spentSince(since) {
    return this.#days.reduce((sum, { start, cost }) => (start >= since ? sum + cost : sum), 0);
  }

  /**
   * @param {Bucket[]} buckets
   * @param {number} ms
   * @returns {UseRow[]} of the current one
   */
  #current(buckets, ms) {
    const last = buckets.at(-1);
    return last && last.start >= Math.floor(this.#epoch() / ms) * ms ? [...last.rows.values()] : [];
  }

  /**
   * In short.
   * @param {import('../index').BudgetState[]} budgets
   * @returns {import('../index').CostUse}
   */
  use(budgets) {
    const day = viewsOf(this.#current(this.#days, kDayMs));
    const hour = viewsOf(this.#current(this.#hours, kHourMs)).sum;
    const { savings, views } = day;
    return {
      currency: this.#currency,
      now: { ...this.#now },
      saved: { ...this.#saved },
      hour,
      day: day.sum,
      ...views,
      savings,
      budgets,
    };
  }

  /**
   * @param {import('../index').BudgetState[]} budgets
   * @param {string} [caller] what is counted for this one alone: none of others', of budgets and of advice
   * @returns {CostReport}
   */
  report(budgets, caller) {
    const isSeen = (/** @type {UseRow} */ row) => caller === undefined || row.caller === caller;
    const periods = (/** @type {Bucket[]} */ buckets) =>
      buckets.map(({ start, rows }) => periodOf(start, [...rows.values()].filter(isSeen)));
    const all = { hours: periods(this.#hours), days: periods(this.#days) };
    if (caller === undefined)
      return { ...this.use(budgets), ...all, advice: adviceOf(this.#current(this.#days, kDayMs)) };
    const day = viewsOf(this.#current(this.#days, kDayMs).filter(isSeen));
    const hour = viewsOf(this.#current(this.#hours, kHourMs).filter(isSeen)).sum;
    const { savings, views } = day;
    const own = { currency: this.#currency, now: day.sum, saved: savings, hour, day: day.sum, ...views, savings };
    return { ...own, budgets: [], ...all, advice: [] };
  }

  /** Resolves when what was reported is written. */
  async close() {
    await this.#journal?.close();
  }
}

/**
 * @param {number} start
 * @param {readonly UseRow[]} rows
 * @returns {CostPeriod}
 */
function periodOf(start, rows) {
  const { sum, savings, views } = viewsOf(rows);
  return { start: new Date(start).toISOString(), ...sum, savings, ...views };
}

module.exports = { Ledger };
