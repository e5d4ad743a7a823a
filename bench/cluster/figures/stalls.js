// The event loop at jobs with large plain inputs and outputs.
'use strict';
const { fresh } = require('../contest');
const { median, round } = require('../../stats');
const { below, list } = require('./shared');

const kWheres = ['alone', 'worker'];

function figureOf(what, where) {
  return `event loop, ${what}, ${where === 'worker' ? 'in a worker' : 'a lone process'}`;
}

/** Each in processes of their own. */
function stalls(name, what, args, limit, { quick }) {
  return {
    name,
    figures: kWheres.map((where) => ({ name: figureOf(what, where), unit: 'ms', ...below(limit) })),
    async take() {
      const figures = {};
      for (const where of kWheres) {
        const found = await fresh('stalls', 'measure', { ...args, where, rounds: quick ? 1 : 5 });
        figures[figureOf(what, where)] = {
          value: median(found.map(({ wallMs }) => wallMs)),
          detail:
            `the longest turn, middle of ${found.length} runs (${list(found.map(({ wallMs }) => wallMs))}); of ` +
            `processor time ${round(median(found.map(({ cpuMs }) => cpuMs)), 3)} ` +
            `(${list(found.map(({ cpuMs }) => cpuMs))})`,
        };
      }
      return { figures };
    },
  };
}

const inputStalls = (options) =>
  stalls('stalls of inputs', '40 searches in a plain base of 77 MB', { what: 'search' }, 10, options);
const outputStalls = (options) =>
  [64, 244].map((megabytes) =>
    stalls('stalls of outputs', `an output of ${megabytes} MB`, { what: 'output', megabytes }, 5, options),
  );

module.exports = { inputStalls, outputStalls };
