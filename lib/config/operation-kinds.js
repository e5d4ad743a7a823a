// The kinds of values that settings of operations have: prices, budgets and alerts, which are objects. What is wrong in
// one is named by where it stands in it.
'use strict';
const { bad, wrong } = require('./kinds');

/** @typedef {import('./kinds').Kind} Kind */
/** @typedef {import('../index').AlertMetric} AlertMetric */
/** @typedef {import('../index').AlertRule} AlertRule */
/** @typedef {import('../index').BudgetRule} BudgetRule */
/** @typedef {import('../index').ResolvedAlertRule} Alert */
/** @typedef {import('./kinds').Wrong} Wrong */
/**
 * Rules, or what wrong() gives, or `bad`.
 * @template Rule
 * @typedef {ReadonlyArray<Rule>|Wrong|symbol} Checked
 */

/** What an alert can look at. @type {readonly AlertMetric[]} */
const kAlertMetrics = Object.freeze(['memory', 'queueAge', 'errorRate', 'latency', 'temperature', 'budget']);
const kPeriods = Object.freeze(['day', 'month']);
const kMostRules = 100;
const kMaxMs = 2 ** 31 - 1;
const kMaxName = 100;
const kCleared = 0.9; // of its threshold an alert is cleared at, where it does not say

/** @type {(value: unknown) => value is Record<string, unknown>} */
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
/** @param {unknown} value */
const isName = (value) => typeof value === 'string' && value !== '' && value.length <= kMaxName;
/** @param {unknown} value */
const isAmount = (value) => typeof value === 'number' && value >= 0 && value < Infinity;

/**
 * @param {string} text
 * @returns {Record<string, unknown>|undefined} 'a=1,b=2' as an object; undefined: it is none
 */
function pairs(text) {
  const found = text.split(',').map((part) => /^\s*([^=\s][^=]*?)\s*=\s*(\S+)\s*$/.exec(part));
  if (!found.every((part) => part !== null)) return undefined;
  return Object.fromEntries(found.map(([, name, number]) => [name, Number(number)]));
}

/**
 * @param {unknown} value
 * @returns {unknown}
 */
function checkPrices(value) {
  if (!isObject(value)) return bad;
  for (const [name, price] of Object.entries(value))
    if (!isAmount(price)) return wrong(`.${name}`, price, 'must be a price an hour: a number that is not negative');
  return Object.freeze({ ...value });
}

/** What an hour of a device costs, by its id, its name or its kind. @type {Kind} */
const prices = Object.freeze({
  must: "must be an object of prices an hour, as { cuda: 2.5, 'cpu:0': 0.05 }",
  mustText: 'must be prices an hour with commas between them, as cuda=2.5,cpu=0.05',
  check: checkPrices,
  parse: (/** @type {string} */ text) => checkPrices(pairs(text)),
  flag: (/** @type {string} */ text) => pairs(text) ?? text,
  type: 'Readonly<Record<string, number>>',
  schema: { type: 'object', additionalProperties: { type: 'number', minimum: 0 } },
  show: JSON.stringify,
});

/**
 * A list of rules with names of their own.
 * @template Rule
 * @param {unknown} value
 * @param {readonly string[]} fields that a rule can have
 * @param {(rule: Record<string, unknown>, at: string) => Rule|Wrong} check of a rule with a name
 * @returns {Checked<Rule>}
 */
function checkRules(value, fields, check) {
  if (!Array.isArray(value) || value.length > kMostRules) return bad;
  const names = new Set();
  const rules = [];
  for (const [i, rule] of value.entries()) {
    const at = `[${i}]`;
    if (!isObject(rule)) return wrong(at, rule, `must be an object { ${fields.join(', ')} }`);
    const unknown = Object.keys(rule).find((name) => !fields.includes(name));
    if (unknown !== undefined) return wrong(`${at}.${unknown}`, rule[unknown], `is none of ${fields.join(', ')}`);
    const { name } = rule;
    if (!isName(name)) return wrong(`${at}.name`, name, `must be a text of 1 to ${kMaxName} characters`);
    if (names.has(name)) return wrong(`${at}.name`, name, 'is the name of another one');
    names.add(name);
    const checked = check(rule, at);
    if (wrong.is(checked)) return checked;
    rules.push(Object.freeze(/** @type {Rule} */ (checked)));
  }
  return Object.freeze(rules);
}

/**
 * @param {Record<string, unknown>} rule
 * @param {string} at
 */
function checkBudget({ name, period, limit, warnAt = 0.8, stop = true }, at) {
  if (!kPeriods.includes(String(period))) return wrong(`${at}.period`, period, "must be 'day' or 'month'");
  if (!isAmount(limit)) return wrong(`${at}.limit`, limit, 'must be an amount: a number that is not negative');
  if (!isAmount(warnAt) || Number(warnAt) > 1) return wrong(`${at}.warnAt`, warnAt, 'must be a share from 0 to 1');
  if (typeof stop !== 'boolean') return wrong(`${at}.stop`, stop, 'must be true or false');
  return /** @type {Required<BudgetRule>} */ ({ name, period, limit, warnAt, stop });
}

/** @param {unknown} value */
function checkBudgets(value) {
  return checkRules(value, ['name', 'period', 'limit', 'warnAt', 'stop'], checkBudget);
}

/** @param {string} text 'day=10,month=200' */
function parseBudgets(text) {
  const given = pairs(text);
  return given ? checkBudgets(Object.entries(given).map(([period, limit]) => ({ name: period, period, limit }))) : bad;
}

/** What may be spent in a day and in a month. @type {Kind} */
const budgets = Object.freeze({
  must: "must be a list of budgets, as [{ name: 'all', period: 'day', limit: 10 }]",
  mustText: 'must be amounts for a day, a month or both, as day=10,month=200',
  check: checkBudgets,
  parse: parseBudgets,
  flag: (/** @type {string} */ text) => text,
  type: 'readonly BudgetRule[]',
  result: 'readonly Required<BudgetRule>[]',
  schema: {
    type: 'array',
    maxItems: kMostRules,
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['name', 'period', 'limit'],
      properties: {
        name: { type: 'string', minLength: 1, maxLength: kMaxName },
        period: { enum: kPeriods },
        limit: { type: 'number', minimum: 0 },
        warnAt: { type: 'number', minimum: 0, maximum: 1 },
        stop: { type: 'boolean' },
      },
    },
  },
  show: JSON.stringify,
});

/** @param {unknown} value */
function isWebAddress(value) {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol } = new URL(value);
  return protocol === 'http:' || protocol === 'https:';
}

/**
 * @param {Record<string, unknown>} rule
 * @param {string} at
 */
function checkAlert({ name, metric, above, for: ms = 0, below, webhook }, at) {
  if (!kAlertMetrics.includes(/** @type {AlertMetric} */ (metric)))
    return wrong(`${at}.metric`, metric, `must be one of ${kAlertMetrics.join(', ')}`);
  if (!isAmount(above)) return wrong(`${at}.above`, above, 'must be a number that is not negative');
  if (!isAmount(ms) || Number(ms) > kMaxMs)
    return wrong(`${at}.for`, ms, `must be a number of milliseconds from 0 to ${kMaxMs}`);
  const cleared = below ?? kCleared * Number(above);
  if (!isAmount(cleared) || Number(cleared) > Number(above))
    return wrong(`${at}.below`, below, `must be a number from 0 to its 'above', which is ${above}`);
  if (webhook !== undefined && !isWebAddress(webhook))
    return wrong(`${at}.webhook`, webhook, 'must be an http or https address');
  const rule = { name, metric, above, for: ms, below: cleared };
  return /** @type {Alert} */ (webhook === undefined ? rule : { ...rule, webhook });
}

/** @param {unknown} value */
function checkAlerts(value) {
  return checkRules(value, ['name', 'metric', 'above', 'for', 'below', 'webhook'], checkAlert);
}

/** When to be told. @type {Kind} */
const alerts = Object.freeze({
  must: "must be a list of alerts, as [{ name: 'slow', metric: 'latency', above: 500, for: 60000 }]",
  check: checkAlerts,
  parse: () => bad, // no variable says it
  flag: (/** @type {string} */ text) => text,
  type: 'readonly AlertRule[]',
  result: 'readonly ResolvedAlertRule[]',
  schema: {
    type: 'array',
    maxItems: kMostRules,
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['name', 'metric', 'above'],
      properties: {
        name: { type: 'string', minLength: 1, maxLength: kMaxName },
        metric: { enum: kAlertMetrics },
        above: { type: 'number', minimum: 0 },
        for: { type: 'number', minimum: 0, maximum: kMaxMs },
        below: { type: 'number', minimum: 0 },
        webhook: { type: 'string', pattern: '^https?://' },
      },
    },
  },
  show: JSON.stringify,
});

module.exports = { prices, budgets, alerts, kAlertMetrics };
