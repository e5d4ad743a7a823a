// GET /v1/costs: what jobs have cost, as JSON or as CSV. Who has no admin's token sees what was counted for it alone.
'use strict';
const { HttpError, badRequest } = require('../exchange');
const { callerOf } = require('./caller');
const { soon } = require('./health');
const { checkQuery } = require('./query');

/** @typedef {import('../index').CostReport} CostReport */
/** @typedef {import('../index').CostSum} CostSum */

const kViews = /** @type {const} */ ({
  device: 'byDevice',
  workload: 'byWorkload',
  caller: 'byCaller',
  token: 'byToken',
  model: 'byModel',
});

/**
 * As a spreadsheet takes it: a name that begins as a formula does becomes a text.
 * @param {string|number} value
 */
function cell(value) {
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * A line for each period and each name in it; '' is the whole period.
 * @param {CostReport} report
 * @param {'hours'|'days'} period
 */
function csvOf(report, period) {
  const lines = [['start', 'by', 'name', 'jobs', 'seconds', 'cost', 'currency']];
  const add = (/** @type {string[]} */ head, /** @type {CostSum} */ { jobs, seconds, cost }) =>
    lines.push([...head, ...[jobs, seconds, cost].map(String), report.currency]);
  for (const each of report[period]) {
    add([each.start, '', ''], each);
    for (const [by, view] of Object.entries(kViews))
      for (const [name, sum] of Object.entries(each[view])) add([each.start, by, name], sum);
  }
  return lines.map((line) => `${line.map(cell).join(',')}\r\n`).join('');
}

/** @type {(parts: import('./endpoints').Parts) => import('./endpoints').Handler} */
function getCosts({ manager }) {
  return async (request, reply) => {
    checkQuery(request.query, ['format', 'period', 'caller']);
    const {
      format = 'json',
      period = 'hour',
      caller,
    } = /** @type {Record<string, string|undefined>} */ (request.query);
    if (format !== 'json' && format !== 'csv') throw badRequest("the query parameter 'format' must be json or csv");
    if (period !== 'hour' && period !== 'day') throw badRequest("the query parameter 'period' must be hour or day");
    const { client, allows } = callerOf(request);
    if (!allows('admin') && caller !== undefined && caller !== client)
      throw new HttpError(403, 'ERR_FORBIDDEN', "others' costs need a token with the scope 'admin'");
    const whose = allows('admin') ? caller : client;
    const report = await soon(manager.costs(whose === undefined ? {} : { caller: whose }));
    if (format === 'json') return report;
    return reply.type('text/csv; charset=utf-8').send(csvOf(report, period === 'hour' ? 'hours' : 'days'));
  };
}

module.exports = { getCosts };
