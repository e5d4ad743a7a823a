// The guard: counts instructions on the host-side hot paths and holds them to bench/guard/baseline.json.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { setup } = require('../../tools/setup');
const { table } = require('../report');
const all = require('./paths');
const { countPaths, Missing } = require('./count');
const { differences, worse } = require('./compare');

const kWorse = 1;
const kNoVerdict = 2;
const kBaseline = path.join(__dirname, 'baseline.json');
const usage = `usage: npm run bench:guard -- [options]
  --update          write the counts to the baseline instead of comparing
  --json            print JSON
  --only NAME       only paths with NAME in their name; may be repeated
  --no-build        count what is built already
  --baseline FILE   compare with FILE instead of bench/guard/baseline.json
  --tree DIR        count another checkout, which is built
  --modules FILE    where that one has its parts, if not where this one does (see modules.js)
  --optimized       with V8's optimizing compiler: closer to what users run, less steady; for a look, not for a verdict
It ends with 0; ${kWorse}: a path takes over 2% more than the baseline; ${kNoVerdict}: no verdict, for example because
the baseline is of another toolchain.`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      update: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      'no-build': { type: 'boolean', default: false },
      baseline: { type: 'string', default: kBaseline },
      tree: { type: 'string', default: path.join(__dirname, '../..') },
      modules: { type: 'string', default: path.join(__dirname, 'modules.js') },
      optimized: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  if (values.update && values.optimized) throw new Missing('the baseline is not of optimized code');
  const paths = all.filter(({ name }) => !values.only || values.only.some((it) => name.includes(it)));
  if (!paths.length) throw new Missing(`there is no such path; there are ${all.map(({ name }) => name).join(', ')}`);
  return { ...values, tree: path.resolve(values.tree), modules: path.resolve(values.modules), paths };
}

/** @param {string} file */
function readBaseline(file) {
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : undefined;
}

const change = (now, before) =>
  before ? `${now >= before ? '+' : ''}${((100 * (now - before)) / before).toFixed(2)}%` : '';

/** The counts as a table: each beside what it was. */
function report({ paths, baseline, problems }) {
  const rows = Object.entries(paths).map(([name, now]) => {
    const before = baseline?.paths[name];
    return [
      name,
      now.total,
      change(now.total, before?.total),
      now.addon,
      change(now.addon, before?.addon),
      now.allocations,
      before && now.allocations !== before.allocations ? `was ${before.allocations}` : '',
    ];
  });
  const head = ['path', 'instructions', '', 'in the addon', '', 'allocations there', ''];
  return [table(head, rows), ...(problems.length ? ['', ...problems] : [])].join('\n');
}

/** @param {{ paths: object, toolchain: object }} counted */
function update(file, counted) {
  const before = readBaseline(file);
  const sameTools = before && !differences(counted.toolchain, before.toolchain).length;
  // With --only the others stay as they were.
  const kept = sameTools ? before.paths : {};
  const paths = {};
  for (const { name } of all) if (counted.paths[name] ?? kept[name]) paths[name] = counted.paths[name] ?? kept[name];
  const missing = all.filter(({ name }) => !paths[name]).map(({ name }) => name);
  if (missing.length) throw new Missing(`the baseline would lack ${missing.join(', ')}: nothing was written`);
  fs.writeFileSync(file, `${JSON.stringify({ toolchain: counted.toolchain, paths }, null, 2)}\n`);
}

async function main() {
  const options = readOptions();
  if (!options['no-build'] && options.modules === path.join(__dirname, 'modules.js'))
    await setup({ targets: ['switchyard_node'] });
  const counted = await countPaths(options.paths, options, (name) => process.stderr.write(`counted ${name}\n`));
  if (options.update) update(options.baseline, counted);
  const baseline = readBaseline(options.baseline);
  const other = baseline ? differences(counted.toolchain, baseline.toolchain) : ['there is no baseline'];
  const failed = other.length ? [] : worse(counted.paths, baseline.paths, options.paths);
  const problems = [...other, ...failed];
  if (options.json) console.log(JSON.stringify({ ...counted, problems }, null, 2));
  else console.log(report({ paths: counted.paths, baseline: other.length ? undefined : baseline, problems }));
  if (other.length && !options.optimized) process.exitCode = kNoVerdict;
  else if (failed.length && !options.optimized) process.exitCode = kWorse;
}

main().catch((error) => {
  console.error(error instanceof Missing ? error.message : error);
  process.exitCode = kNoVerdict;
});
