// The figures of texts in one run, beside ONNX Runtime and TensorFlow.js: node bench/text.js [--json] [--only name]...
// [--quick] [--out file].
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { setup } = require('../tools/setup');
const { takeGroup } = require('./groups');
const { installLibraries } = require('./install');
const { machine } = require('./machine');
const { report } = require('./report');

const usage = `usage: npm run bench:text -- [options]
  --json          print JSON
  --out FILE      write JSON to a file too, after each group
  --only NAME     only the groups and figures whose name contains NAME; may be repeated
  --quick         short measurements, to see that everything works
  --no-install    with the libraries that are in bench/node_modules already
  --no-build      measure what is built already`;

const say = (text) => process.stderr.write(`${text}\n`);

function readOptions() {
  const flag = { type: 'boolean' };
  const { values } = parseArgs({
    options: {
      json: flag,
      quick: flag,
      'no-install': flag,
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
  return { ...values, chosen: (name) => !only || only.some((it) => name.includes(it)) };
}

function write(file, result) {
  fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  fs.writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}

async function main() {
  const options = readOptions();
  if (!options['no-build']) await setup({ targets: ['switchyard_node'] });
  const about = machine();
  if (about.loadAtStart > 0.5)
    say(`the load is ${about.loadAtStart}: something else is running, and these figures will suffer`);
  if (!options['no-install']) installLibraries(say);
  const { textFigures } = require('./text/index'); // what it requires is there now
  const result = { machine: about, quick: Boolean(options.quick), figures: [] };
  for (const group of textFigures(options)) {
    const { figures } = await takeGroup(group, options.chosen, say);
    result.figures.push(...figures);
    for (const { name, value, unit } of figures) say(`    ${name}: ${value?.toPrecision?.(4) ?? value} ${unit ?? ''}`);
    if (options.out) write(options.out, result);
  }
  console.log(
    options.json ? JSON.stringify(result, null, 2) : report({ ...result, devices: [], rows: [], libraries: [] }),
  );
}

main().catch((error) => {
  say(`bench:text: ${error.message}`);
  process.exitCode = 1;
});
