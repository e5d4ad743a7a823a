// The rows by which costs are reported, kept and added up.
'use strict';

/** @typedef {import('./device-use').UseRow} UseRow */

/** What tells one row from another. */
const kRowNames = /** @type {const} */ (['device', 'kind', 'workload', 'caller', 'token', 'model']);
/** What adds up. */
const kRowSums = /** @type {const} */ ([
  'jobs',
  'ms',
  'cost',
  'units',
  'unitMs',
  'soloUnits',
  'soloMs',
  'cached',
  'savedByCache',
  'savedByBatching',
  'savedByRouting',
  'again',
  'againCost',
]);
const kMostRows = 1000; // of a table; what comes beyond is counted without its caller and token

/**
 * @param {Map<string, UseRow>} rows
 * @param {UseRow} row
 */
function addRow(rows, row) {
  const key = JSON.stringify(kRowNames.map((name) => row[name]));
  const sum = rows.get(key);
  if (sum) for (const name of kRowSums) sum[name] += row[name];
  else if (rows.size >= kMostRows && (row.caller !== '' || row.token !== ''))
    addRow(rows, { ...row, caller: '', token: '' });
  else rows.set(key, { ...row });
}

/**
 * @param {unknown} row of a file or a message
 * @returns {row is UseRow}
 */
function isRow(row) {
  if (row === null || typeof row !== 'object') return false;
  const fields = /** @type {Record<string, unknown>} */ (row);
  return (
    kRowNames.every((name) => typeof fields[name] === 'string') &&
    kRowSums.every((name) => typeof fields[name] === 'number' && Number.isFinite(fields[name]))
  );
}

module.exports = { kRowNames, kRowSums, addRow, isRow };
