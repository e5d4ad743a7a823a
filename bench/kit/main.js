// The kit's run: every row on a device, what matters most first, the report written after each. run.sh starts it with
// the Node that the kit carries; in a checkout `node bench/kit/main.js` does the same with what is built.
'use strict';
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { machine } = require('../machine');
const { BenchProcess } = require('./bench-process');
const { environmentWith, findLibraries } = require('./libraries');
const checks = require('./parts/checks');
const native = require('./parts/native');
const processes = require('./parts/processes');
const { Report, schema } = require('./report');
const { rows } = require('./rows');

const kUsage = `usage: run.sh [--minutes N] [--out DIR] [--device ID]... [--only PART]...
  --minutes N   how long it may take, 15 unless said otherwise; it ends sooner when everything was measured
  --out DIR     where gpu-report.json and gpu-report.md go (gpu-report); they are written after each figure
  --device ID   cuda:0, vulkan:0 or cpu:0; may be repeated. Without: cuda:0, and vulkan:0 where that is a card, too
  --only PART   devices, conformance, conformance-rest, end-to-end, card, resident, host, transfers, contexts,
                two-processes, sanitizer; may be repeated
SWITCHYARD_KIT_VULKAN names a folder with a Vulkan loader (libvulkan.so.1) to be used.
It ends with 0 when everything was measured, 1 when something failed, 3 when time ran out before the end.`;

const root = path.join(__dirname, '..', '..');
const kParts = { ...checks, card: native.card, resident: native.resident, host: native.host };
Object.assign(kParts, { transfers: native.transfers, ...processes });
// Of the time of its device, what a part may take before the others have had theirs. It goes on at the end.
const kShare = { 'conformance-rest': 0.2, sanitizer: 0.3 };
const kMostOutput = 1 << 24;
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

// { code, how, output, errors, isLate }: a program's end, or its being ended when `deadline` has come.
function runCommand(command, args, { env, deadline }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], cwd: root });
    children.add(child);
    let output = '',
      errors = '',
      isLate = false;
    child.stdout.on('data', (text) => {
      output = (output + text).slice(-kMostOutput);
    });
    child.stderr.on('data', (text) => {
      errors = (errors + text).slice(-kMostOutput);
    });
    const timer = setTimeout(
      () => {
        isLate = true;
        child.kill('SIGKILL');
      },
      Math.max(0, deadline - performance.now()),
    );
    const end = (code, how) => {
      clearTimeout(timer);
      children.delete(child);
      resolve({ code, how, output, errors, isLate });
    };
    child.on('error', (error) => end(-1, error.message));
    child.on('close', (code, signal) => end(code ?? -1, signal ? `ended by ${signal}` : `exited with ${code}`));
  });
}

// What NVIDIA's own tool says of the cards: clocks, power and the bus explain figures that are not as they should be.
function cardsBySmi() {
  const fields = [
    ...['name', 'driver_version', 'pstate', 'clocks.max.sm', 'clocks.max.mem', 'power.limit', 'temperature.gpu'],
    ...['ecc.mode.current', 'mig.mode.current', 'pcie.link.gen.max', 'pcie.link.width.max', 'utilization.gpu'],
  ];
  const args = [`--query-gpu=${fields.join(',')}`, '--format=csv'];
  const { status, stdout } = spawnSync('nvidia-smi', args, { encoding: 'utf8', timeout: 20_000 });
  return status === 0 ? stdout.trim().split('\n') : [];
}

function listDevices(paths, env) {
  const { stdout, stderr, error } = spawnSync(paths.tests, ['--list-devices'], {
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (error) throw new Error(`${paths.tests}: ${error.message}`);
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`${paths.tests} lists no devices: ${stderr.slice(-2000)}`);
  }
}

// The loader of the folder that was named, else the machine's; the kit's own where that has none.
function withVulkan(paths, env) {
  const named = process.env.SWITCHYARD_KIT_VULKAN;
  if (named) return { ...env, LD_LIBRARY_PATH: [named, env.LD_LIBRARY_PATH].filter(Boolean).join(':') };
  const own = path.join(root, '..', 'lib', 'vulkan');
  const lacksLoader = listDevices(paths, env).problems.some((it) => it.backend === 'vulkan');
  return lacksLoader && fs.existsSync(own) ? environmentWith(env, [own]) : env;
}

function chooseDevices(asked, { devices, problems }) {
  const ids = devices.map((it) => it.id);
  if (asked) {
    const missing = asked.find((it) => !ids.includes(it));
    if (!missing) return asked;
    const why = problems.filter((it) => missing.startsWith(it.backend)).map((it) => `${it.reason}: ${it.detail}`);
    throw new Error(`there is no ${missing} here, but ${ids.join(', ')}. ${why.join('; ')}`);
  }
  const cards = devices.filter((it) => ['cuda:0', 'vulkan:0'].includes(it.id) && it.type !== 'cpu');
  if (!cards.length)
    throw new Error(
      `no card was found; --device cpu:0 tries the kit without one\n` +
        problems.map((it) => `  no ${it.backend}: ${it.reason} (${it.detail}); ${it.remedy}`).join('\n'),
    );
  return cards.map((it) => it.id);
}

// What fails here is in the report, too: a driver that crashes is a finding.
function findDevices(options, paths, libraries, report) {
  try {
    const env = withVulkan(paths, environmentWith(process.env, Object.values(libraries.found))),
      found = listDevices(paths, env);
    Object.assign(report.content, found);
    return { env, found, devices: chooseDevices(options.device, found) };
  } catch (error) {
    const [reason, ...detail] = error.message.split('\n');
    report.content.problems.push({ backend: 'device to measure', reason, detail: detail.join(' '), remedy: '' });
    report.end('interrupted');
    throw error;
  }
}

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
    timeoutMs: () => Math.max(1, Math.min(120_000, deadline - performance.now())),
    ask: (line) => bench.ask(line, run.timeoutMs()),
    command: (program, args, { env = {} } = {}) =>
      runCommand(program, args, { env: { ...common.env, ...env }, deadline }),
  };
  run.limits = new native.Limits(run);
  children.add(bench);
  const names = [...new Set(planned.map((row) => row.part))];
  const left = [];
  const runPart = async (part) => {
    const open = planned.filter((row) => row.part === part && report.stateOf(device, row.name) === 'not reached');
    if (!open.length) return;
    say(`${device}: ${part}`);
    try {
      await kParts[part]({ ...run, rows: open });
    } catch (error) {
      for (const row of open)
        if (report.stateOf(device, row.name) === 'not reached') report.failed(device, row.name, error.stack);
    }
    if (open.some((row) => report.stateOf(device, row.name) === 'not reached')) left.push(part);
  };
  try {
    for (const part of names) {
      deadline = Math.min(end, performance.now() + (end - begun) * (kShare[part] ?? 1));
      await runPart(part);
    }
    deadline = end;
    for (const part of left.splice(0)) await runPart(part);
  } finally {
    bench.kill();
    children.delete(bench);
  }
}

async function main() {
  const options = readOptions();
  const begun = performance.now();
  const build = path.join(root, 'build', 'release');
  const paths = { root, tests: path.join(build, 'switchyard_tests'), bench: path.join(build, 'switchyard_bench') };
  const libraries = findLibraries(process.env);
  const report = new Report(options.out, {
    minutes: options.minutes,
    machine: { ...machine(), libraries: libraries.found, missing: libraries.missing, nvidiaSmi: cardsBySmi() },
    kit: readKit(),
  });
  fs.writeFileSync(path.join(options.out, 'gpu-report.schema.json'), `${JSON.stringify(schema, null, 1)}\n`);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      report.end('interrupted');
      for (const child of children) child.kill('SIGKILL');
      process.exit(128 + require('node:os').constants.signals[signal]);
    });

  const { env, found, devices } = findDevices(options, paths, libraries, report);
  const plan = devices.map((device) => {
    const { type } = found.devices.find((it) => it.id === device);
    const planned = rows(type !== 'cpu').filter((row) => !options.only || options.only.includes(row.part));
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
  const states = report.content.rows.map((row) => row.state);
  report.end(states.includes('not reached') ? 'out of time' : 'complete');
  const count = (state) => states.filter((it) => it === state).length;
  say(['measured', 'failed', 'skipped', 'not reached'].map((state) => `${count(state)} ${state}`).join(', '));
  say(`written: ${path.join(options.out, 'gpu-report.md')} and gpu-report.json`);
  process.exitCode = count('failed') ? 1 : count('not reached') ? 3 : 0;
}

main().catch((error) => {
  say(`kit: ${error.message}`);
  process.exitCode = 2;
});
