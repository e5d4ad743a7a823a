// Jobs a second, with many in flight.
'use strict';
const { takeTurns, makeRow, beside, least, most } = require('../contest');
const { round } = require('../../stats');
const { below, above, atLeast, kSmall, kMiddle, rounds } = require('./shared');

const kMaxFlood = 1000;

// The widths that a way is tried with: too many in flight make messages slower, too few leave the cores idle.
const widths = (column, sizes) => sizes.map((width) => ({ column: `${column} x${width}`, way: column, width }));

// Only the best width of each way is shown.
function bestWidths({ samples, problems }, columns) {
  const kept = {},
    failed = {};
  for (const column of columns) {
    const tried = Object.keys(samples).filter((it) => it.startsWith(`${column} x`) && !problems[it]);
    if (tried.length)
      kept[column] =
        samples[
          tried.reduce((best, it) => (most(samples[it], 'perSecond') > most(samples[best], 'perSecond') ? it : best))
        ];
    else {
      kept[column] = [];
      failed[column] = problems[Object.keys(problems).find((it) => it.startsWith(`${column} x`))];
    }
  }
  return { samples: kept, problems: failed };
}

async function flood({ what, columns, sizes, quick, jsonSizes }) {
  const turns = {
    what,
    operation: 'many',
    rounds: quick ? 1 : 3,
    warmMs: quick ? 100 : 300,
    args: { budgetMs: quick ? 250 : 800 },
  };
  const all = { samples: {}, problems: {} };
  // One way after the other: several clusters that wait cost nothing, but their memory does.
  for (const column of columns) {
    const entries = widths(column, column === 'JSON messages' ? jsonSizes : sizes).map((it) => ({ ...it, by: 'all' }));
    const { samples, problems } = await takeTurns(entries, turns);
    Object.assign(all.samples, samples);
    Object.assign(all.problems, problems);
  }
  return bestWidths(all, columns);
}

function throughput({ quick, others }) {
  const name = '4 KB jobs a second, 2 workers',
    cost = 'primary CPU a job, under load';
  return {
    name: 'throughput',
    figures: [
      { name, unit: 'jobs/s', ...above(40_000) },
      { name: cost, unit: 'us', ...below(15) },
    ],
    async take() {
      const columns = [
        'switchyard plain',
        'switchyard any',
        ...(others ? ['advanced messages', 'JSON messages', 'Piscina'] : []),
      ];
      const { samples, problems } = await flood({
        what: kSmall,
        columns,
        sizes: quick ? [256] : [32, 256, kMaxFlood],
        jsonSizes: quick ? [32] : [8, 32],
        quick,
      });
      const fromPrimary = await takeTurns(
        [{ column: 'switchyard primary', way: 'switchyard plain', by: 'primary', width: 256, prepare: { to: [1, 2] } }],
        { what: kSmall, operation: 'many', rounds: quick ? 1 : 3, warmMs: 300, args: { budgetMs: quick ? 250 : 800 } },
      );
      const row = makeRow({
        workload: 'throughput',
        title: '4 KB normalize, many in flight',
        unit: 'jobs/s',
        samples,
        problems,
        key: 'perSecond',
        higher: true,
      });
      const ours = samples['switchyard plain'];
      return {
        rows: [row],
        figures: {
          [name]: {
            value: row.columns['switchyard plain'].value,
            detail:
              `both workers ask, each job runs on the other's context, ${ours[0].width} in flight in each; ` +
              `rounds ${rounds(samples, 'switchyard plain', 'perSecond')}; ` +
              `wherever the cluster places them ${round(row.columns['switchyard any'].value)} jobs/s; asked by ` +
              `the primary ${round(most(fromPrimary.samples['switchyard primary'], 'perSecond'))} jobs/s; ` +
              `${beside(row, 'switchyard plain')}`,
          },
          [cost]: {
            value: least(ours, 'primaryUs'),
            detail: `over the jobs above, best of the rounds (${rounds(samples, 'switchyard plain', 'primaryUs')})`,
          },
        },
      };
    },
  };
}

function middleThroughput({ quick, others }) {
  const plain = '64 KB jobs a second over advanced messages, typed arrays',
    shared = '64 KB jobs a second over advanced messages, shared tensors';
  return {
    name: '64 KB',
    figures: others
      ? [
          { name: shared, unit: 'times', ...atLeast(10) },
          { name: plain, unit: 'times', ...atLeast(10) },
        ]
      : [],
    async take() {
      const columns = ['switchyard plain', 'switchyard shared', 'advanced messages', 'JSON messages', 'Piscina'];
      const { samples, problems } = await flood({
        what: kMiddle,
        columns,
        sizes: quick ? [32] : [8, 32, 128],
        jsonSizes: quick ? [2] : [2, 8],
        quick,
      });
      const row = makeRow({
        workload: '64 KB',
        title: '64 KB scale, many in flight',
        unit: 'jobs/s',
        samples,
        problems,
        key: 'perSecond',
        higher: true,
      });
      const figure = (column) => {
        if (problems['advanced messages']) throw new Error(problems['advanced messages']);
        return {
          value: row.columns[column].value / row.columns['advanced messages'].value,
          detail:
            `${round(row.columns[column].value)} jobs/s with ${samples[column][0].width} in flight in each ` +
            `worker; ${beside(row, column)}`,
        };
      };
      return { rows: [row], figures: { [plain]: figure('switchyard plain'), [shared]: figure('switchyard shared') } };
    },
  };
}

module.exports = { throughput, middleThroughput };
