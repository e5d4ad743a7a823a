// `npm run test:gpu`: every conformance case and the end-to-end test on each GPU of this machine, and a JSON report of
// what was seen. Needs a finished build and Node alone. node tools/test-gpu.js [--build <folder>] [--out <folder>]
// [--allow-software]
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { parseArgs } = require('node:util');

const root = path.resolve(__dirname, '..');
const { values: options } = parseArgs({
  options: {
    build: { type: 'string', default: path.join(root, 'build', 'release') },
    out: { type: 'string', default: path.join(root, 'bench', 'results') },
    // For trying this script where there is no GPU: the report says what it ran on.
    'allow-software': { type: 'boolean', default: false },
  },
});
const program = path.join(options.build, 'switchyard_tests');
const kMinute = 60_000;

function runProgram(args, timeout = 20 * kMinute) {
  const result = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28, timeout, cwd: root });
  if (result.error) throw new Error(`${program}: ${result.error.message}`);
  return result;
}

// CUDA and hardware Vulkan devices, and what was said about backends that are not there.
function findGpus() {
  if (!fs.existsSync(program))
    throw new Error(
      `${program} is not built: run \`npm run setup\` where there is a compiler, and bring the build folder along`,
    );
  const { devices, problems } = JSON.parse(runProgram(['--list-devices'], kMinute).stdout);
  const isGpu = ({ backend, type }) =>
    backend === 'cuda' || (backend === 'vulkan' && (type !== 'cpu' || options['allow-software']));
  return { gpus: devices.filter(isGpu), problems };
}

function conformance(id) {
  const report = path.join(os.tmpdir(), `switchyard-${process.pid}-${id.replace(':', '-')}.json`);
  console.log(`${id}: conformance cases ...`);
  const result = runProgram(['--device', id, '--json', report, '--gtest_brief=1']);
  if (!fs.existsSync(report)) {
    return {
      passed: 0,
      failed: 1,
      end: result.signal ?? result.status,
      output: `${result.stdout}${result.stderr}`.slice(-4000),
      cases: [],
    };
  }
  const { passed, failed, skipped, ms, cases } = JSON.parse(fs.readFileSync(report, 'utf8'));
  fs.rmSync(report);
  for (const one of cases.filter((it) => !it.passed).slice(0, 20))
    console.log(`  FAILED ${one.case}: ${one.failure ?? ''}`);
  // A process that ends badly after its last case failed too.
  const crashed = result.status !== 0 && failed === 0;
  return { passed, failed: failed + (crashed ? 1 : 0), skipped, ms, end: result.signal ?? result.status, cases };
}

function endToEnd(id) {
  console.log(`${id}: end to end ...`);
  const script = path.join(root, 'test', 'gpu', 'end-to-end.js');
  const result = spawnSync(process.execPath, [script, id], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: 10 * kMinute,
    cwd: root,
  });
  try {
    const report = JSON.parse(result.stdout);
    for (const check of report.checks.filter((it) => !it.passed)) console.log(`  FAILED ${check.name}: ${check.error}`);
    if (result.status !== 0 && report.failed === 0) throw new Error('a bad end after good checks');
    return report;
  } catch (error) {
    const output = `${result.stdout}${result.stderr}`.slice(-4000);
    console.log(`  FAILED: ended with ${result.signal ?? result.status}: ${error.message}\n${output}`);
    return { passed: 0, failed: 1, end: result.signal ?? result.status, output };
  }
}

function main() {
  const { gpus, problems } = findGpus();
  if (!gpus.length) {
    console.log('no GPU here: no CUDA device and no hardware Vulkan device was found.');
    for (const { backend, reason, detail, remedy } of problems)
      console.log(`  ${backend}: ${reason} (${detail}); ${remedy}`);
    console.log('0 passed, 1 failed, 0 skipped');
    process.exitCode = 1;
    return;
  }
  const results = gpus.map((device) => ({
    device,
    conformance: conformance(device.id),
    endToEnd: endToEnd(device.id),
  }));
  const slug = gpus[0].name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const file = path.join(options.out, `gpu-${slug}.json`);
  fs.mkdirSync(options.out, { recursive: true });
  const machine = {
    cpu: os.cpus()[0]?.model,
    cores: os.cpus().length,
    system: `${os.type()} ${os.release()}`,
    node: process.version,
  };
  fs.writeFileSync(
    file,
    `${JSON.stringify({ date: new Date().toISOString(), machine, results, problems }, null, 1)}\n`,
  );
  let passed = 0,
    failed = 0;
  for (const { device, conformance: cases, endToEnd: script } of results) {
    console.log(
      `${device.id} (${device.name}, ${device.driver}): ${cases.passed} cases passed, ${cases.failed} failed; ` +
        `end to end ${script.passed} passed, ${script.failed} failed`,
    );
    for (const figure of script.figures ?? []) console.log(`  ${figure.name}: ${figure.ms.toFixed(3)} ms`);
    passed += cases.passed + script.passed;
    failed += cases.failed + script.failed;
  }
  console.log(`written to ${path.relative(process.cwd(), file)}`);
  console.log(`${passed} passed, ${failed} failed, 0 skipped`);
  process.exitCode = failed || !passed ? 1 : 0;
}

try {
  main();
} catch (error) {
  console.log(error.message);
  console.log('0 passed, 1 failed, 0 skipped');
  process.exitCode = 1;
}
