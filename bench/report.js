// The run as text for a person.
'use strict';
const { round } = require('./stats');

function table(head, rows) {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => String(row[i] ?? '').length)));
  const line = (cells) =>
    cells
      .map((cell, i) => (i ? String(cell ?? '').padStart(widths[i]) : String(cell ?? '').padEnd(widths[i])))
      .join('  ')
      .trimEnd();
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

const verdict = (met) => (met === null || met === undefined ? '' : met ? 'yes' : 'NO');
const cell = (column) => (!column ? '' : column.problem ? 'failed' : round(column.value, 4));

function report({ machine, devices, figures, rows, libraries, heading = 'Host data in to host data out, median' }) {
  const parts = [
    `${machine.cpu}, ${machine.cores} cores (${machine.simd.join(' ')}), ${machine.system}, Node ` +
      `${machine.node}, load at start ${machine.loadAtStart}`,
    ...devices.map((it) => `${it.id}: ${it.name} (${it.driver})`),
  ];
  if (rows.length) {
    const columns = libraries.filter((it) => !it.problem).map((it) => it.column),
      oursFirst = columns.filter((it) => it.startsWith('switchyard'));
    parts.push(
      '',
      heading,
      table(
        ['workload', 'unit', ...columns, 'best other', ...oursFirst.map((it) => `ahead ${it.split(' ')[1]}`)],
        rows.map((row) => [
          row.title,
          row.unit,
          ...columns.map((it) => cell(row.columns[it])),
          row.best?.column ?? '',
          ...oursFirst.map((it) => (row.ahead[it] ? `${verdict(row.ahead[it].yes)} ${row.ahead[it].ratio}` : '')),
        ]),
      ),
    );
    for (const { column, describe, problem, blocking } of libraries) {
      const loop =
        blocking &&
        `; matmul 1024: loop held ${round(blocking.longestMs, 3)} ms of ${round(blocking.runMs, 3)} ms at ` +
          `most, utilisation ${round(blocking.utilization, 2)}${blocking.blocks ? ', blocks the event loop' : ''}`;
      parts.push(`${column}: ${problem ?? describe}${loop || ''}`);
    }
    for (const row of rows)
      for (const [column, { problem }] of Object.entries(row.columns))
        if (problem) parts.push(`${row.title}, ${column}: ${problem}`);
  }
  if (figures.length)
    parts.push(
      '',
      table(
        ['figure', 'value', 'unit', 'target', 'met'],
        figures.map((it) => [
          it.name,
          it.value === null ? '-' : round(it.value),
          it.unit,
          it.target ?? '',
          verdict(it.met),
        ]),
      ),
      '',
      ...figures.filter((it) => it.detail).map((it) => `${it.name}: ${it.detail}`),
    );
  return parts.join('\n');
}

module.exports = { report, table };
