// Messages about operations: what processes have used of devices and keep of results, budgets, alerts and overload.
'use strict';
const { kAlertMetrics } = require('../../config');
const { isRow, kStages } = require('../../operations');
const { kTierNames } = require('../../result-cache');
const { string, number, count, oneOf, optional, nullOr, listOf, object } = require('./shapes');

/**
 * @template T
 * @typedef {import('./shapes').Kind<T>} Kind
 */
/** @typedef {import('../../index').BudgetState} BudgetState */
/** @typedef {import('../../index').DegradationStage} DegradationStage */
/**
 * Coordinator -> a process's event loop:
 * - spent: the budget that is used up, for which jobs are refused; left out: none is
 * - degrade: what is given up
 * - tell-use: its 'device-use' is wanted now, be it empty, with this number
 * @typedef {{ type: 'spent', budget?: BudgetState } | { type: 'degrade', stage: DegradationStage }
 *   | { type: 'tell-use', number: number }} ToUser
 * @typedef {ToUser|import('./resource-messages').ToHolder} ToldMessage what others than the connection see to
 */
/**
 * A process's event loop -> coordinator:
 * - device-use: what its jobs have taken of devices since the last such message; with the number of a 'tell-use'
 * - kept-results: what it keeps
 * @typedef {{ type: 'device-use', rows: import('../../operations/device-use').UseRow[], number?: number }
 *   | { type: 'kept-results', tiers: import('../../index').ResultTier[] }} FromUser
 */

/** @type {Kind<DegradationStage>} */
const stage = oneOf(kStages);
/** @type {Kind<BudgetState>} */
const budget = object({
  name: string,
  period: oneOf(/** @type {const} */ (['day', 'month'])),
  limit: number,
  spent: number,
  state: oneOf(/** @type {const} */ (['ok', 'warning', 'stopped'])),
  resetsAt: number,
});
/** @type {Kind<import('../../index').ResultTier>} */
const tier = object({
  name: oneOf(kTierNames),
  entries: nullOr(count),
  bytes: nullOr(count),
  limit: nullOr(count),
  hits: count,
  misses: count,
  state: oneOf(/** @type {const} */ (['ok', 'away', 'off'])),
});

const operationEvents = {
  alert: object({
    name: string,
    metric: oneOf(kAlertMetrics),
    state: oneOf(/** @type {const} */ (['ok', 'firing'])),
    since: number,
    value: nullOr(number),
    threshold: number,
  }),
  budget,
  degradation: object({
    stage,
    stages: listOf(stage),
    since: number,
    refused: count,
    refusedBelow: nullOr(number),
    queueAge: number,
  }),
};
const toUser = { spent: { budget: optional(budget) }, degrade: { stage }, 'tell-use': { number: count } };
const fromUser = {
  'device-use': {
    rows: listOf(/** @type {Kind<import('../../operations/device-use').UseRow>} */ (isRow)),
    number: optional(count),
  },
  'kept-results': { tiers: listOf(tier) },
};

module.exports = { operationEvents, toUser, fromUser };
