// The figures of operations: each file measures some, on managers of its own.
'use strict';
const { parseArgs } = require('node:util');
const { machine } = require('../machine');
const { round } = require('../stats');

const kFigures = {
  'kept results': () => require('./figures/kept'),
  'hit rate': () => require('./figures/hit-rate'),
  costs: () => require('./figures/costs'),
  advice: () => require('./figures/advice'),
  complexity: () => require('./figures/complexity'),
  overload: () => require('./figures/overload'),
  'guarded paths': () => require('./figures/guarded'),
};

/** @param {string[]} args */
async function main(args) {
  const flag = { type: 'boolean' };
  const { values: options } = parseArgs({
    args,
    options: { json: flag, quick: flag, only: { type: 'string', multiple: true } },
  });
  const about = machine();
  if (!options.json) console.log(`${about.cpu}, ${about.cores} cores, load ${about.loadAtStart}, Node ${about.node}`);
  const figures = [];
  for (const [name, load] of Object.entries(kFigures)) {
    if (options.only && !options.only.some((each) => name.includes(each))) continue;
    for (const { value, met, ...figure } of await load().measure(options)) {
      const all = { ...figure, value: value === null ? null : round(value, 4), met: value === null ? null : met };
      figures.push(all);
      const verdict = all.met === null ? '' : all.met ? 'met' : 'NOT MET';
      if (!options.json) console.log(`${all.name}: ${all.value} ${all.unit} (${all.target}) ${verdict}  ${all.detail}`);
    }
  }
  if (options.json) console.log(JSON.stringify({ machine: about, figures }, null, 2));
}

module.exports = { main };
