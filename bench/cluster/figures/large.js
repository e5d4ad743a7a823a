// Large jobs: what moving their memory costs.
'use strict';
const { takeTurns, makeRow, beside, least } = require('../contest');
const { round } = require('../../stats');
const { below, none, kLarge, kHuge, rounds } = require('./shared');

function large({ quick, others }) {
  const names = ['1 MB in and out beyond compute, shared tensors', '1 MB in and out beyond compute, typed arrays'];
  return {
    name: '1 MB',
    figures: names.map((name) => ({ name, unit: 'us', ...below(250) })),
    async take() {
      const columns = [
        'switchyard shared',
        'switchyard plain',
        ...(others ? ['advanced messages', 'JSON messages', 'Piscina', 'Piscina in JavaScript'] : []),
      ];
      const { samples, problems } = await takeTurns(
        columns.map((column) => ({ column })),
        {
          what: kLarge,
          operation: 'each',
          rounds: quick ? 1 : 4,
          warmMs: quick ? 100 : 300,
          args: { budgetMs: quick ? 200 : 700, least: 2 },
        },
      );
      const beyond = makeRow({
        workload: '1 MB',
        title: '1 MB scale, beyond compute',
        unit: 'us',
        samples,
        problems,
        key: 'beyond',
      });
      const total = makeRow({
        workload: '1 MB',
        title: '1 MB scale, in all',
        unit: 'us',
        samples,
        problems,
        key: 'p50',
      });
      const figure = (column) => ({
        value: beyond.columns[column].value,
        detail:
          `best of ${samples[column].length} medians (${rounds(samples, column, 'beyond')}), ` +
          `${round(total.columns[column].value)} us in all; ${beside(beyond, column)}`,
      });
      return {
        rows: [beyond, total],
        figures: { [names[0]]: figure('switchyard shared'), [names[1]]: figure('switchyard plain') },
      };
    },
  };
}

function huge({ quick, others }) {
  const shared = '16 MB in and out, shared tensors',
    plain = '16 MB in and out, typed arrays';
  return {
    name: '16 MB',
    figures: [
      { name: shared, unit: 'ms', ...below(4) },
      { name: plain, unit: 'ms', ...none },
    ],
    async take() {
      const columns = [
        'switchyard shared',
        'switchyard plain',
        ...(others ? ['advanced messages', 'Piscina', 'Piscina in JavaScript'] : []),
      ];
      const { samples, problems } = await takeTurns(
        columns.map((column) => ({ column })),
        {
          what: kHuge,
          operation: 'each',
          rounds: quick ? 1 : 3,
          warmMs: quick ? 100 : 300,
          args: { budgetMs: quick ? 250 : 800, least: 3 },
        },
      );
      for (const lists of Object.values(samples)) for (const it of lists) it.ms = it.p50 / 1000;
      const row = makeRow({
        workload: '16 MB',
        title: '16 MB scale, in all',
        unit: 'ms',
        samples,
        problems,
        key: 'ms',
      });
      const figure = (column) => ({
        value: row.columns[column].value,
        detail:
          `in all, best of ${samples[column].length} medians (${rounds(samples, column, 'ms')}), ` +
          `${round(least(samples[column], 'beyond') / 1000)} ms beyond compute; ${beside(row, column)}`,
      });
      return { rows: [row], figures: { [shared]: figure('switchyard shared'), [plain]: figure('switchyard plain') } };
    },
  };
}

module.exports = { large, huge };
