// Named tensors: what a search of one takes over HTTP beyond the same in process, and swaps under load.
'use strict';
const { fresh } = require('../contest');
const { median, percentile, round } = require('../../stats');
const { atMost, list } = require('./shared');

function namedSearch({ quick }) {
  const name = 'search of a named base of 77 MB, HTTP beyond in process';
  return {
    name: 'named search',
    figures: [{ name, unit: 'ms', ...atMost(1) }],
    async take() {
      const args = { rows: 50_000, warm: quick ? 20 : 300, turns: quick ? 5 : 100, runs: 3 };
      const { http, inProcess } = await fresh('names', 'compare', args);
      const beyond = http.map((ms, i) => ms - inProcess[i]);
      const quarters = [25, 75].map((p) => percentile(beyond, p));
      return {
        figures: {
          [name]: {
            value: median(beyond),
            detail:
              `middle of ${beyond.length} turns of ${args.runs} (half of them ${list(quarters)}); ` +
              `HTTP ${round(median(http), 3)} ms, in process ${round(median(inProcess), 3)} ms`,
          },
        },
      };
    },
  };
}

function namedSwaps({ quick }) {
  const name = 'requests lost or wrong while a base is swapped';
  return {
    name: 'named swaps',
    figures: [{ name, unit: '', ...atMost(0) }],
    async take() {
      const swaps = quick ? 20 : 100;
      const { asked, lost, wrong, versions } = await fresh('names', 'swap', { rows: 5000, swaps, lanes: 8 });
      const detail = `${lost} lost, ${wrong} wrong of ${asked}, which saw ${versions} of ${swaps + 1} versions`;
      return { figures: { [name]: { value: lost + wrong, detail } } };
    },
  };
}

module.exports = { namedSearch, namedSwaps };
