// The figures of users' programs and of pictures in one run: node bench/programs.js [--json] [--only name]... [--quick]
// [--out file].
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { setup } = require('../tools/setup');
const { programFigures } = require('./programs/index');
const { installLibraries } = require('./install');
const { machine } = require('./machine');
const { report } = require('./report');

const usage = `usage: npm run bench:programs -- [options]
  --json          print JSON
  --out FILE      write JSON to a file too
  --only NAME     only the groups and figures whose name contains NAME; may be repeated
  --quick         short measurements, to see that everything works
  --no-others     without webgpu
  --no-build      measure what is built already`;

const say = (text) => process.stderr.write(`${text}\n`);

function readOptions() {
  const flag = { type: 'boolean' };
  const { values } = parseArgs({
    options: {
      json: flag,
      quick: flag,
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

// A target that depends on what something else took comes with the value.
function judged({ name, unit, target, ok }, taken) {
  const { value, detail = '' } = taken,
    rule = taken.ok ? taken : { target, ok };
  return { name, value, unit, target: rule.target, met: value === null ? null : rule.ok(value), detail };
}

async function takeGroup({ name, figures, take }, chosen) {
  const wanted = chosen(name) ? figures : figures.filter((it) => chosen(it.name));
  if (!wanted.length) return [];
  say(`measuring ${name}`);
  try {
    const values = await take();
    return wanted.map((figure) => judged(figure, values[figure.name]));
  } catch (error) {
    return wanted.map(({ name: figure, unit, target }) => ({
      name: figure,
      value: null,
      unit,
      target,
      met: target ? false : null,
      detail: `failed: ${error.message}`,
    }));
  }
}

async function main() {
  const options = readOptions();
  if (options.build) await setup({ targets: ['switchyard_node'] });
  const about = machine();
  if (about.loadAtStart > 0.5)
    say(`the load is ${about.loadAtStart}: something else is running, and these figures will suffer`);
  const groups = programFigures(options),
    figures = [];
  if (
    options.others &&
    groups.some((it) => it.name === 'dispatch' && [it, ...it.figures].some(({ name }) => options.chosen(name)))
  )
    installLibraries(say);
  for (const group of groups) figures.push(...(await takeGroup(group, options.chosen)));
  const result = { machine: about, quick: Boolean(options.quick), figures };
  if (options.out) {
    fs.mkdirSync(path.dirname(path.resolve(options.out)), { recursive: true });
    fs.writeFileSync(options.out, `${JSON.stringify(result, null, 2)}\n`);
  }
  console.log(
    options.json ? JSON.stringify(result, null, 2) : report({ ...result, devices: [], rows: [], libraries: [] }),
  );
}

main().catch((error) => {
  say(`bench:programs: ${error.message}`);
  process.exitCode = 1;
});
