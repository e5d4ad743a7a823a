// What a job takes that is split over two workers, against the same in one piece.
'use strict';
const { fresh } = require('../contest');
const { median, percentile, round } = require('../../stats');
const { atMost, list } = require('./shared');

function splitJobs({ quick }) {
  const names = {
    search: 'search of 200,000 x 384 split over two workers, against whole',
    matmul: 'matmul 1024 split over two workers, against whole',
  };
  return {
    name: 'split',
    figures: Object.values(names).map((name) => ({ name, unit: 'times', ...atMost(0.65) })),
    async take() {
      const times = await fresh('split', 'compare', { warm: quick ? 3 : 15, turns: quick ? 10 : 60 });
      const figures = {};
      for (const [key, name] of Object.entries(names)) {
        const { whole, split } = times[key];
        const ratios = whole.map((ms, i) => split[i] / ms);
        figures[name] = {
          value: median(ratios),
          detail:
            `middle of ${ratios.length} turns (half of them ${list([25, 75].map((p) => percentile(ratios, p)))}); ` +
            `whole ${round(median(whole), 3)} ms, split ${round(median(split), 3)} ms`,
        };
      }
      return { figures };
    },
  };
}

module.exports = { splitJobs };
