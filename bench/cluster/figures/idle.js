// What a cluster costs that has nothing to do.
'use strict';
const { fresh } = require('../contest');
const { round } = require('../../stats');
const { below, list } = require('./shared');

function idle({ quick }) {
  const name = 'idle cluster, busiest process';
  return {
    name: 'idle',
    figures: [{ name, unit: '% of a core', ...below(1) }],
    async take() {
      const durationMs = quick ? 2000 : 10_000,
        { ofWorkers, ofPrimary, contexts } = await fresh('idle', 'measure', { workers: 2, durationMs });
      return {
        figures: {
          [name]: {
            value: Math.max(ofPrimary, ...ofWorkers),
            detail:
              `CPU time over ${durationMs / 1000} s after jobs: workers ${list(ofWorkers)}%, primary ` +
              `${round(ofPrimary, 3)}%; contexts ${contexts.join(' ')}`,
          },
        },
      };
    },
  };
}

module.exports = { idle };
