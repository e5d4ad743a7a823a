// Every figure in one run: node bench/run.js [--json] [--only name]... [--quick] [--no-others] [--out file].
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { setup } = require('../tools/setup');
const { compare, chooseWorkloads } = require('./compare/compare');
const { scriptFigures } = require('./figures/index');
const { installLibraries, newerMesa } = require('./install');
const { machine } = require('./machine');
const { runNative } = require('./native');
const { report } = require('./report');

const usage = `usage: npm run bench -- [options]
  --json          print JSON
  --out FILE      write JSON to a file too
  --only NAME     only the figures and workloads whose name contains NAME; 'native', 'figures' and 'compare' name the
                  parts; may be repeated
  --device ID     measure on this device (may be repeated; default: all that are found)
  --quick         short measurements, to see that everything works
  --no-others     without the other libraries
  --no-build      measure what is built already`;

// What the native bench calls its submit-and-wait of the 1K-element job.
const submitAndWait = (device) => (device === 'vulkan:0' ? 'vulkan-submit-and-wait' : `${device} submit-and-wait`);

const say = (text) => process.stderr.write(`${text}\n`);

function readOptions() {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean' },
      out: { type: 'string' },
      only: { type: 'string', multiple: true },
      device: { type: 'string', multiple: true },
      quick: { type: 'boolean' },
      'no-others': { type: 'boolean' },
      'no-build': { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const only = values.only?.flatMap((it) => it.split(','));
  const chosen = (part) => (name) => !only || only.includes(part) || only.some((it) => name.includes(it));
  return { ...values, others: !values['no-others'], build: !values['no-build'], chosen };
}

function chooseDevices(ids) {
  const found = require('..').devices();
  const unknown = ids?.filter((id) => !found.some((it) => it.id === id)) ?? [];
  if (unknown.length)
    throw new Error(`no device ${unknown.join(', ')}; there are ${found.map((it) => it.id).join(', ')}`);
  return found.filter((it) => !ids || ids.includes(it.id));
}

// The native bench takes all of its figures or none, so --only filters what came out.
function nativeFigures(options) {
  say('measuring natively');
  const { figures } = runNative(options);
  return { all: figures, shown: figures.filter((it) => options.chosen('native')(it.name)) };
}

async function takeFigure({ name, unit, target, ok, take }) {
  say(`measuring ${name}`);
  try {
    const { value, detail } = await take();
    return { name, value, unit, target, met: value === null ? null : ok(value), detail };
  } catch (error) {
    return { name, value: null, unit, target, met: false, detail: `failed: ${error.message}` };
  }
}

async function main() {
  const options = readOptions();
  if (options.build) await setup({ targets: ['switchyard_node', 'switchyard_bench'] });
  const about = machine(),
    devices = chooseDevices(options.device),
    ids = devices.map((it) => it.id);
  if (about.loadAtStart > 0.5)
    say(`the load is ${about.loadAtStart}: something else is running, and these figures will suffer`);
  let native = { all: [], shown: [] };
  const nativeUs = (device) => native.all.find((it) => it.name === submitAndWait(device))?.value;
  const wanted = scriptFigures(ids, { quick: options.quick, nativeUs }).filter((it) =>
    options.chosen('figures')(it.name),
  );
  const workloads = chooseWorkloads(options.chosen('compare')),
    figures = [];
  if (options.others && workloads.length) installLibraries(say);

  // Without --only, where it is named, where nothing else is, and where another figure needs it.
  const others = wanted.length + workloads.length;
  if (
    !options.only ||
    options.only.includes('native') ||
    !others ||
    wanted.some((it) => it.name.includes('over plain C++'))
  ) {
    try {
      native = nativeFigures(options);
      figures.push(...native.shown);
    } catch (error) {
      figures.push({ name: 'native', value: null, unit: '', target: '', met: false, detail: error.message });
    }
  }
  for (const figure of wanted) figures.push(await takeFigure(figure));

  let compared = { rows: [], figures: [], libraries: [] };
  if (workloads.length) {
    const mesa = options.others ? newerMesa(say) : {};
    if (mesa.note) say(`webgpu: ${mesa.note}`);
    compared = await compare({
      devices: ids,
      others: options.others,
      quick: options.quick,
      webgpuEnv: mesa.env,
      chosen: workloads,
      say,
    });
  }
  const { rows, libraries } = compared;
  figures.push(...compared.figures);
  const result = {
    machine: about,
    quick: Boolean(options.quick),
    device: ids.join(' '),
    devices,
    figures,
    rows,
    libraries,
  };
  if (options.out) {
    fs.mkdirSync(path.dirname(path.resolve(options.out)), { recursive: true });
    fs.writeFileSync(options.out, `${JSON.stringify(result, null, 2)}\n`);
  }
  console.log(options.json ? JSON.stringify(result, null, 2) : report(result));
}

main().catch((error) => {
  say(`bench: ${error.message}`);
  process.exitCode = 1;
});
