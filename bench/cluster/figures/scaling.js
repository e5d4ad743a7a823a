// How much more two workers do than one.
'use strict';
const { takeTurns, most } = require('../contest');
const { round } = require('../../stats');
const { atLeast } = require('./shared');

function scaling({ quick }) {
  const inWorkers = 'matmul 256, two workers against one, asked in them',
    byPrimary = 'matmul 256, two workers against one, asked by the primary';
  return {
    name: 'scaling',
    figures: [
      { name: inWorkers, unit: 'times', ...atLeast(1.9) },
      { name: byPrimary, unit: 'times', ...atLeast(1.9) },
    ],
    async take() {
      const one = (column, way, prepare) => ({ column: `${column}, one`, way, by: 'first', width: 1, prepare }),
        both = (column, way, prepare) => ({ column: `${column}, two`, way, by: 'all', width: 1, prepare });
      const shared = { to: 'self', shared: true };
      const { samples } = await takeTurns(
        [
          one('switchyard asked in them', 'switchyard local', shared),
          both('switchyard asked in them', 'switchyard local', shared),
          {
            column: 'switchyard by primary, one',
            way: 'switchyard plain',
            by: 'primary',
            width: 4,
            prepare: { to: [1], shared: true },
          },
          {
            column: 'switchyard by primary, two',
            way: 'switchyard plain',
            by: 'primary',
            width: 8,
            prepare: { to: [1, 2], shared: true },
          },
          one('bare', 'bare processes'),
          both('bare', 'bare processes'),
        ],
        {
          what: 'matmul 256',
          operation: 'many',
          rounds: quick ? 1 : 5,
          warmMs: quick ? 150 : 400,
          args: { budgetMs: quick ? 300 : 1000 },
        },
      );
      const rate = (column) => most(samples[column], 'perSecond'),
        ratio = (column) => rate(`${column}, two`) / rate(`${column}, one`);
      const figure = (column, how) => ({
        value: ratio(column),
        detail:
          `${round(rate(`${column}, two`))} against ${round(rate(`${column}, one`))} jobs/s, best of ` +
          `${samples[`${column}, one`].length} rounds, ${how}; ` +
          `two bare processes, a context each, against one: ${round(rate('bare, two'))} against ` +
          `${round(rate('bare, one'))}, ${round(ratio('bare'), 3)}x`,
      });
      return {
        figures: {
          [inWorkers]: figure('switchyard asked in them', 'one job after the other in each worker, on its own context'),
          [byPrimary]: figure('switchyard by primary', '4 jobs in flight for each worker'),
        },
      };
    },
  };
}

module.exports = { scaling };
