// The cluster's figures in one run, beside plain messages and Piscina: node bench/cluster.js [--json] [--only name]...
// [--quick] [--out file].
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { setup } = require('../tools/setup');
const { clusterFigures } = require('./cluster/index');
const { describe } = require('./cluster/contest');
const { takeGroup } = require('./groups');
const { installLibraries } = require('./install');
const { machine } = require('./machine');
const { report } = require('./report');

const usage = `usage: npm run bench:cluster -- [options]
  --json          print JSON
  --out FILE      write JSON to a file too
  --only NAME     only the groups and figures whose name contains NAME; may be repeated
  --quick         short measurements, to see that everything works
  --long          the job that others wait behind takes 90 s
  --no-others     without plain messages and Piscina
  --no-build      measure what is built already`;

const say = (text) => process.stderr.write(`${text}\n`);

function readOptions() {
  const flag = { type: 'boolean' };
  const { values } = parseArgs({
    options: {
      json: flag,
      quick: flag,
      long: flag,
      'no-others': flag,
      'no-build': flag,
      help: flag,
      out: { type: 'string' },
      only: { type: 'string', multiple: true },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const only = values.only?.flatMap((it) => it.split(','));
  return {
    ...values,
    others: !values['no-others'],
    build: !values['no-build'],
    chosen: (name) => !only || only.some((it) => name.includes(it)),
  };
}

async function main() {
  const options = readOptions();
  if (options.build) await setup({ targets: ['switchyard_node'] });
  const about = machine();
  if (about.loadAtStart > 0.5)
    say(`the load is ${about.loadAtStart}: something else is running, and these figures will suffer`);
  if (options.others) installLibraries(say);
  const figures = [],
    rows = [];
  for (const group of clusterFigures(options)) {
    const taken = await takeGroup(group, options.chosen, say);
    figures.push(...taken.figures);
    rows.push(...taken.rows);
  }
  const shown = new Set(rows.flatMap(({ columns }) => Object.keys(columns)));
  const libraries = Object.entries(describe)
    .filter(([column]) => shown.has(column))
    .map(([column, text]) => ({ column, describe: text }));
  const result = { machine: about, quick: Boolean(options.quick), figures, rows, libraries };
  if (options.out) {
    fs.mkdirSync(path.dirname(path.resolve(options.out)), { recursive: true });
    fs.writeFileSync(options.out, `${JSON.stringify(result, null, 2)}\n`);
  }
  console.log(
    options.json
      ? JSON.stringify(result, null, 2)
      : report({ ...result, devices: [], heading: 'From asking to having the result, best round' }),
  );
}

main().catch((error) => {
  say(`bench:cluster: ${error.message}`);
  process.exitCode = 1;
});
