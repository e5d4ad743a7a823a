// The figures of the service: each a function of a server that is running, or of what it needs.
'use strict';
const { parseArgs } = require('node:util');
const { machine } = require('../machine');
const { round } = require('../stats');

const kFigures = {
  'binary frames': () => require('./figures/frames'),
  search: () => require('./figures/search'),
  'idle connections': () => require('./figures/idle'),
  starts: () => require('./figures/starts'),
  'hostile clients': () => require('./figures/hostile'),
  fuzz: () => require('./figures/fuzz'),
};

/** @param {string[]} args */
async function main(args) {
  const flag = { type: 'boolean' };
  const { values: options } = parseArgs({
    args,
    options: {
      json: flag,
      quick: flag,
      only: { type: 'string', multiple: true },
      rows: { type: 'string', default: '100000' },
      messages: { type: 'string', default: '100000' },
    },
  });
  const about = machine();
  if (!options.json) console.log(`${about.cpu}, ${about.cores} cores, load ${about.loadAtStart}, Node ${about.node}`);
  const figures = [];
  for (const [name, load] of Object.entries(kFigures)) {
    if (options.only && !options.only.some((each) => name.includes(each))) continue;
    for (const { value, ...figure } of await load().measure(options)) {
      figures.push({ ...figure, value: round(value, 3) });
      if (!options.json)
        console.log(`${figure.name}: ${round(value, 3)} ${figure.unit} (${figure.target})  ${figure.detail}`);
    }
  }
  if (options.json) console.log(JSON.stringify({ machine: about, figures }, null, 2));
}

module.exports = { main };
