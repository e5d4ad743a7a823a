// Whether it is right: the devices, the conformance cases in eight parts, and the way from JavaScript and back.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const kShards = 8;

async function devices({ report, device, rows, found }) {
  const here = found.devices.find((it) => it.id === device);
  const others = found.devices.filter((it) => it.id !== device).map((it) => it.id);
  report.measured(device, rows[0].name, {
    value: found.devices.length,
    detail:
      `${here.name}, driver ${here.driver}, ${Math.round(here.memoryBytes / 2 ** 20)} MB; ` +
      `beside it ${others.join(', ') || 'none'}`,
  });
}

// One process for each part: what crashes takes one of them along.
async function runShard(run, shard) {
  const file = path.join(run.folder, `conformance-${shard}.part`);
  const env = { GTEST_TOTAL_SHARDS: String(kShards), GTEST_SHARD_INDEX: String(shard) };
  const args = ['--device', run.device, '--json', file, '--gtest_brief=1'];
  const result = await run.command(run.paths.tests, args, { env });
  try {
    const { passed, failed, cases } = JSON.parse(fs.readFileSync(file, 'utf8'));
    const crashed = result.code !== 0 && failed === 0;
    const failures = cases.filter((it) => !it.passed).map((it) => `${it.case}: ${it.failure ?? ''}`);
    return {
      passed,
      total: passed + failed + (crashed ? 1 : 0),
      failures: crashed ? [`the end: ${result.how}`, ...failures] : failures,
    };
  } catch {
    const last = result.output.trim().split('\n').slice(-3).join(' / ');
    const reason = `shard ${shard}: no report; ${result.how}: ${last}`;
    return { passed: 0, total: 1, failures: [reason], isCut: result.isLate };
  } finally {
    fs.rmSync(file, { force: true });
  }
}

// `sum` is what earlier tries have done of it; a part that is cut off is begun again with the next try.
async function runShards(run, sum) {
  const { report, device, rows } = run,
    { name } = rows[0];
  while (sum.left.length && !run.isOver()) {
    const one = await runShard(run, sum.left[0]);
    if (one.isCut) break;
    sum.left.shift();
    sum.passed += one.passed;
    sum.total += one.total;
    sum.failures.push(...one.failures);
    const { passed, total, failures } = sum;
    const figure = { value: passed, limit: total, fraction: passed / total, detail: failures.slice(0, 20).join('; ') };
    if (sum.left.length) report.progress(device, name, figure);
    else if (failures.length) report.failed(device, name, `${total - passed} of ${total} failed`, figure);
    else report.measured(device, name, figure);
  }
  // What was found wrong is no less so for what there was no time for.
  if (sum.left.length && sum.failures.length)
    report.failed(
      device,
      name,
      `${sum.total - sum.passed} of ${sum.total} failed, and ${sum.left.length} parts are left`,
    );
}

const kBegun = { passed: 0, total: 0 };
const conformance = (run) => runShards(run, { ...kBegun, failures: [], left: [0] });
function conformanceRest(run) {
  run.memory.rest ??= { ...kBegun, failures: [], left: Array.from({ length: kShards - 1 }, (_, i) => i + 1) };
  return runShards(run, run.memory.rest);
}

async function endToEnd(run) {
  const { report, device, rows } = run;
  const script = path.join(run.paths.root, 'test', 'gpu', 'end-to-end.js');
  const result = await run.command(process.execPath, [script, device]);
  if (result.isLate) return;
  const { name } = rows[0];
  try {
    const { passed, failed, checks, figures } = JSON.parse(result.output.trim().split('\n').at(-1));
    const total = passed + failed;
    const detail = figures.map((it) => `${it.name} ${it.ms.toFixed(3)} ms`).join('; ');
    const figure = { value: passed, limit: total, fraction: passed / total, detail };
    if (failed || result.code !== 0) {
      const wrong = checks.filter((it) => !it.passed).map((it) => `${it.name}: ${it.error.split('\n')[0]}`);
      report.failed(device, name, wrong.join('; ') || result.how, figure);
    } else report.measured(device, name, figure);
  } catch (error) {
    report.failed(device, name, `${result.how}: ${error.message}: ${result.errors.slice(-1000)}`);
  }
}

// Small cases of kernels that use shared memory, atomics and half precision. Each tool slows a kernel a hundredfold.
const kSanitized = [
  'conformance.reduce/*',
  'conformance.softmax/*',
  'conformance.top-k/*',
  'conformance.similarity-search/*',
  'conformance.attention/*',
  'conformance.quantize/*',
  'conformance.matmul/*',
].join(':');
const kFolders = ['/usr/local/cuda/bin', '/usr/local/cuda/compute-sanitizer', '/opt/cuda/bin'];

async function sanitizer(run) {
  const { report, device, rows } = run;
  const folders = [...(process.env.PATH ?? '').split(':'), ...kFolders];
  const tool = folders.map((it) => path.join(it, 'compute-sanitizer')).find((it) => fs.existsSync(it));
  for (const row of rows) {
    if (!tool) {
      report.skipped(device, row.name, 'compute-sanitizer is not installed here');
      continue;
    }
    if (run.isOver()) return;
    const args = ['--tool', row.tool, '--error-exitcode', '9', run.paths.tests, '--device', device];
    const filter = [`--gtest_filter=${kSanitized}`, '--gtest_brief=1'];
    const env = { GTEST_TOTAL_SHARDS: '16', GTEST_SHARD_INDEX: '3' };
    const result = await run.command(tool, [...args, ...filter], { env });
    if (result.isLate) return;
    const passed = Number(/PASSED\s*\]\s*(\d+)/.exec(result.output)?.[1] ?? 0);
    const summary = /ERROR SUMMARY:.*|RACECHECK SUMMARY:.*/.exec(result.output)?.[0] ?? result.how;
    const figure = { value: passed, limit: passed, fraction: 1, detail: summary };
    if (result.code !== 0 || !passed)
      report.failed(device, row.name, summary, { ...figure, fraction: 0, detail: result.output.slice(0, 1500) });
    else report.measured(device, row.name, figure);
  }
}

module.exports = { devices, conformance, 'conformance-rest': conformanceRest, 'end-to-end': endToEnd, sanitizer };
