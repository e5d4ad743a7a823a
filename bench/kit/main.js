// The kit's run: every row on a device, what matters most first, the report written after each. run.sh starts it with
// the Node that the kit carries; in a checkout `node bench/kit/main.js` does the same with what is built.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { machine } = require('../machine');
const { BenchProcess } = require('./bench-process');
const { runCommand } = require('./command');
const { cardsBySmi, chooseDevices, findDevices } = require('./devices');
const { environmentWith, findLibraries, loadedBy } = require('./libraries');
const checks = require('./parts/checks');
const native = require('./parts/native');
const processes = require('./parts/processes');
const texts = require('./parts/text');
const { Report, schema } = require('./report');
const { rows } = require('./rows');

const kUsage = `usage: run.sh [--minutes N] [--out DIR] [--device ID]... [--only PART]...
  --minutes N   how long it may take, 15 unless said otherwise; it ends sooner when everything was measured
  --out DIR     where gpu-report.json and gpu-report.md go (gpu-report); they are written after each figure
  --device ID   cuda:0, vulkan:0 or cpu:0; may be repeated. Without: cuda:0, and vulkan:0 where that is a card, too
  --only PART   devices, conformance, conformance-rest, end-to-end, card, resident, host, transfers, contexts,
                two-processes, text, sanitizer; may be repeated
SWITCHYARD_KIT_VULKAN names a folder with a Vulkan loader (libvulkan.so.1) to be used, SWITCHYARD_KIT_LIBRARIES folders
with cuBLASLt and NVRTC of CUDA 13, which come before all others.
It ends with 0 when everything was measured, 1 when something failed or a card of NVIDIA's was not reached by CUDA, 2
when nothing could be measured, 3 when time ran out before the end.`;

const root = path.join(__dirname, '..', '..');
const kParts = { ...checks, card: native.card, resident: native.resident, host: native.host };
Object.assign(kParts, { transfers: native.transfers, ...processes, ...texts });
// Of the time of its device, what a part may take before the others have had theirs. It goes on at the end.
const kShare = { conformance: 0.25, 'conformance-rest': 0.2, 'end-to-end': 0.2, sanitizer: 0.3 };
const kRowMs = 90_000;
const kSlackMs = 20; // timers of what is cut off may be early

const say = (text) => process.stderr.write(`${text}\n`);

function readOptions() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '15' },
      out: { type: 'string', default: 'gpu-report' },
      device: { type: 'string', multiple: true },
      only: { type: 'string', multiple: true },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(kUsage);
    process.exit(0);
  }
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes is a number above 0, not ${values.minutes}\n${kUsage}`);
  const unknown = values.only?.find((it) => !Object.hasOwn(kParts, it));
  if (unknown) throw new Error(`no part is called ${unknown}\n${kUsage}`);
  return { ...values, minutes };
}

// What was built, as the builder has written it down; of a checkout what can be told.
function readKit() {
  try {
    return JSON.parse(fs.readFileSync(path.join(root, 'kit.json'), 'utf8'));
  } catch {
    const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
    return { version, commit: 'a checkout', archs: 'what was built' };
  }
}

// Processes under way, to be ended with this one.
const children = new Set();

/** One device: its parts in order, then what was left of those whose share was used up. */
async function runDevice({ device, found, report, planned, end, ...common }) {
  const here = found.devices.find((it) => it.id === device),
    isCard = here.type !== 'cpu',
    begun = performance.now();
  const bench = new BenchProcess(common.paths.bench, device, common.env);
  let deadline = end;
  const run = {
    ...common,
    ...{ device, found, report, isCard, seconds: isCard ? 0.3 : 0.05, memory: {} },
    isOver: () => performance.now() >= deadline - kSlackMs,
    timeoutMs: () => Math.max(1, Math.min(kRowMs, deadline - performance.now())),
    ask: (line) => bench.ask(line, run.timeoutMs()),
    command: (program, args, { env = {}, ...limits } = {}) =>
      runCommand(common.paths.bench, program, args, {
        ...limits,
        ...{ env: { ...common.env, ...env }, cwd: root, deadline, children },
      }),
    noteLibraries: () => Object.assign((report.content.machine.loaded ??= {}), loadedBy(bench.pid)),
  };
  run.limits = new native.Limits(run);
  children.add(bench);
  const names = [...new Set(planned.map((row) => row.part))];
  const left = [];
  const runPart = async (part, isLast) => {
    const open = planned.filter((row) => row.part === part && report.stateOf(device, row.name) === 'not reached');
    if (!open.length) return;
    say(`${device}: ${part}`);
    try {
      await kParts[part]({ ...run, rows: open, isLast });
    } catch (error) {
      for (const row of open)
        if (report.stateOf(device, row.name) === 'not reached') report.failed(device, row.name, error.stack);
    }
    if (open.some((row) => report.stateOf(device, row.name) === 'not reached')) left.push(part);
  };
  try {
    for (const part of names) {
      deadline = Math.min(end, performance.now() + (end - begun) * (kShare[part] ?? 1));
      await runPart(part, false);
    }
    deadline = end;
    for (const part of left.splice(0)) await runPart(part, true);
  } finally {
    bench.kill();
    children.delete(bench);
  }
}

// Before anything else: a run that is told to end says so, however early.
function endOnSignals(report) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      report.end('interrupted');
      for (const child of children) child.kill();
      process.exit(128 + os.constants.signals[signal]);
    });
}

async function measureAll(options, report, begun) {
  const build = path.join(root, 'build', 'release');
  const paths = { root, tests: path.join(build, 'switchyard_tests'), bench: path.join(build, 'switchyard_bench') };
  const command = (program, args, more) => runCommand(paths.bench, program, args, { ...more, cwd: root, children });
  const libraries = findLibraries(process.env),
    about = report.content.machine;
  Object.assign(about, { libraries: libraries.found, missing: libraries.missing });
  about.nvidiaSmi = await cardsBySmi(command, process.env);
  report.write();

  const inPath = environmentWith(process.env, Object.values(libraries.found));
  const { found, env } = await findDevices(command, paths, inPath);
  Object.assign(report.content, found);
  const { devices, lacking } = chooseDevices(options.device, found, about.nvidiaSmi);
  const rowsOf = (isCard) => rows(isCard).filter((row) => !options.only || options.only.includes(row.part));
  for (const [device, why] of Object.entries(lacking)) {
    say(`kit: ${device} is not measured: ${why}`);
    report.plan(device, rowsOf(true));
    for (const row of rowsOf(true)) report.skipped(device, row.name, why);
  }
  const plan = devices.map((device) => {
    const planned = rowsOf(found.devices.find((it) => it.id === device).type !== 'cpu');
    report.plan(device, planned);
    return { device, planned };
  });
  const end = begun + options.minutes * 60_000;
  for (const [i, { device, planned }] of plan.entries()) {
    // The first device has most of the time: what the second one needs is a third of it.
    const until = i + 1 < plan.length ? begun + (end - begun) * 0.7 : end;
    const folder = path.resolve(options.out);
    await runDevice({ device, planned, found, report, paths, env, folder, end: until });
  }
  return Object.keys(lacking).length > 0;
}

async function main() {
  const options = readOptions();
  const begun = performance.now();
  const report = new Report(options.out, { minutes: options.minutes, machine: machine(), kit: readKit() });
  endOnSignals(report);
  const isOld = (name) => /^conformance-.*\.json$/.test(name); // of an earlier run, which this one writes over
  for (const name of fs.readdirSync(options.out).filter(isOld)) fs.rmSync(path.join(options.out, name));
  fs.writeFileSync(path.join(options.out, 'gpu-report.schema.json'), `${JSON.stringify(schema, null, 1)}\n`);
  try {
    const lacksCuda = await measureAll(options, report, begun);
    const states = report.content.rows.map((row) => row.state);
    report.end(states.includes('not reached') ? 'out of time' : 'complete');
    const count = (state) => states.filter((it) => it === state).length;
    say(['measured', 'failed', 'skipped', 'not reached'].map((state) => `${count(state)} ${state}`).join(', '));
    say(`written: ${path.join(options.out, 'gpu-report.md')} and gpu-report.json`);
    process.exitCode = count('failed') || lacksCuda ? 1 : count('not reached') ? 3 : 0;
  } catch (error) {
    // What fails here is in the report, too: a driver that crashes is a finding.
    const [reason, ...detail] = error.message.split('\n');
    report.problem({ backend: 'device to measure', reason, detail: detail.join(' ') });
    report.end('failed');
    throw error;
  }
}

main().catch((error) => {
  say(`kit: ${error.message}`);
  process.exitCode = 2;
});
