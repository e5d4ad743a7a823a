// How long one job takes on its way: the round trip, a change of context, a deadline.
'use strict';
const { fresh, takeTurns, makeRow, beside, least } = require('../contest');
const { round } = require('../../stats');
const { below, atMost, none, kSmall, rounds, bestOf } = require('./shared');

function roundTrip({ quick, others }) {
  const name = '4 KB, worker to worker and back, p50',
    local = '4 KB, local placement, p50',
    cost = 'primary CPU a job, one at a time';
  return {
    name: 'round trip',
    figures: [
      { name, unit: 'us', ...below(150) },
      { name: '4 KB, worker to worker and back, p99', unit: 'us', ...none },
      { name: local, unit: 'us', ...below(60) },
      { name: cost, unit: 'us', ...below(15) },
    ],
    async take() {
      const entries = [
        'switchyard plain',
        'switchyard local',
        ...(others ? ['advanced messages', 'JSON messages', 'Piscina'] : []),
      ].map((column) => ({ column }));
      const { samples, problems } = await takeTurns(entries, {
        what: kSmall,
        operation: 'each',
        rounds: quick ? 2 : 5,
        warmMs: quick ? 150 : 400,
        args: { budgetMs: quick ? 200 : 900 },
      });
      const middle = makeRow({
        workload: 'round-trip',
        title: '4 KB normalize, p50',
        unit: 'us',
        samples,
        problems,
        key: 'p50',
      });
      const tail = makeRow({
        workload: 'round-trip',
        title: '4 KB normalize, p99',
        unit: 'us',
        samples,
        problems,
        key: 'p99',
      });
      const far = bestOf(samples, 'switchyard plain', 'p50'),
        near = bestOf(samples, 'switchyard local', 'p50');
      return {
        rows: [middle, tail],
        figures: {
          [name]: {
            value: far.p50,
            detail:
              `best of ${samples['switchyard plain'].length} rounds ` +
              `(${rounds(samples, 'switchyard plain', 'p50')}), ${far.runs} jobs, each on the other worker's ` +
              `context; ${beside(middle, 'switchyard plain')}`,
          },
          '4 KB, worker to worker and back, p99': {
            value: tail.columns['switchyard plain'].value,
            detail:
              `best of the rounds (${rounds(samples, 'switchyard plain', 'p99')}); ` +
              `${beside(tail, 'switchyard plain')}`,
          },
          [local]: {
            value: near.p50,
            detail:
              `on the asking worker's own context, best of the rounds ` +
              `(${rounds(samples, 'switchyard local', 'p50')}), p99 ${round(near.p99)}; ` +
              `${beside(middle, 'switchyard local')}`,
          },
          [cost]: {
            value: least(samples['switchyard plain'], 'primaryUs'),
            detail:
              'user and system time of the primary over the jobs of a round, best of the rounds ' +
              `(${rounds(samples, 'switchyard plain', 'primaryUs')})` +
              (others && !problems['advanced messages']
                ? `; advanced messages ${round(least(samples['advanced messages'], 'primaryUs'))} us`
                : ''),
          },
        },
      };
    },
  };
}

function contextSwitch({ quick }) {
  const name = 'context switch, p99';
  return {
    name: 'context switch',
    figures: [{ name, unit: 'ms', ...below(0.5) }],
    async take() {
      const { samples } = await takeTurns([{ column: 'switchyard switches', way: 'switchyard plain' }], {
        what: kSmall,
        operation: 'switches',
        rounds: quick ? 1 : 3,
        warmMs: 100,
        args: { budgetMs: quick ? 400 : 1500, least: 500 },
      });
      const all = samples['switchyard switches'],
        best = bestOf(samples, 'switchyard switches', 'p99'),
        { contextSwitches, contextSwitchTime } = all.at(-1);
      return {
        figures: {
          [name]: {
            value: best.p99,
            detail:
              'from the decision to the first command, jobs to one worker and the other in turn: best of ' +
              `${all.length} rounds (${rounds(samples, 'switchyard switches', 'p99')}), ` +
              `p50 ${round(best.p50)}, ${best.samples} switches; getMetrics() over all rounds: ` +
              `${contextSwitches} switches, p50 ${round(contextSwitchTime.p50)}, p99 ` +
              `${round(contextSwitchTime.p99)}`,
          },
        },
      };
    },
  };
}

function deadline({ quick, long }) {
  const name = 'rejected after its deadline';
  return {
    name: 'deadline',
    figures: [{ name, unit: 'ms', ...atMost(50) }],
    async take() {
      const longMs = long ? 90_000 : quick ? 3200 : 8000;
      const { max, p50, jobs, left, tookMs } = await fresh('deadline', 'lateness', { longMs });
      return {
        figures: {
          [name]: {
            value: max,
            detail:
              `the latest of ${jobs} jobs behind a job of ${round(tookMs / 1000)} s on the only ` +
              `context${long ? '' : ' (--long: of 90 s)'}, p50 ${round(p50)}; ${left} left in the queue`,
          },
        },
      };
    },
  };
}

module.exports = { roundTrip, contextSwitch, deadline };
