// Whether it is right: the devices, the conformance cases in eight parts, and the way from JavaScript and back.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { readCases } = require('./gtest');

const kShards = 8;
const kQuietMs = 60_000; // longer than any case, or the driver's compiling of all kernels, takes
const kEndToEndMs = 120_000;
const kMostStarts = 10; // of a part, whose cases end it again and again
const kMostHangs = 2;

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

/**
 * One process for the cases of a part that no process before it has run: one that crashes, hangs or loses the device
 * costs the case it was at, and the rest is for the next.
 * @param {{ shard: number, done: number, starts: number, hangs: number }} left
 * @param {{ passed: number, total: number, failures: string[] }} sum
 * @returns {Promise<'done'|'again'|'late'>}
 */
async function runShard(run, left, sum) {
  const file = path.join(run.folder, `conformance-${run.device.replace(':', '')}-${left.shard}-${left.starts}.json`);
  const env = { GTEST_TOTAL_SHARDS: String(kShards), GTEST_SHARD_INDEX: String(left.shard) };
  const args = ['--device', run.device, '--json', file, '--stop-when-lost', '--skip-first', String(left.done)];
  const result = await run.command(run.paths.tests, args, { env, quietMs: run.quietMs ?? kQuietMs });
  const { count, passed, failures, at } = readCases(result.output);
  const before = left.done;
  left.starts += 1;
  left.done += passed + failures.length;
  sum.passed += passed;
  sum.total += passed + failures.length;
  sum.failures.push(...failures);
  if (result.isLate) return 'late';
  const why = [result.hung || result.how, result.errors.trim().slice(-500)].filter(Boolean).join(': ');
  const fail = (what, cases) => {
    sum.failures.push(what);
    sum.total += cases;
  };
  if (count !== null && left.done >= count) {
    if (result.code !== 0 && !failures.length) fail(`the end of part ${left.shard}: ${why}`, 1);
    return 'done';
  }
  if (at) {
    fail(`${at}: ${why}`, 1);
    left.done += 1;
  }
  if (result.hung) left.hangs += 1;
  const rest = count === null ? 1 : count - left.done;
  if (rest === 0) return 'done';
  if (left.done > before && left.starts < kMostStarts && left.hangs < kMostHangs) return 'again';
  fail(`part ${left.shard}: given up after ${left.starts} processes, ${rest} cases were not run; ${why}`, rest);
  return 'done';
}

// `sum` is what earlier tries have done of it.
async function runShards(run, sum) {
  const { report, device, rows } = run,
    { name } = rows[0];
  const say = () => {
    const { passed, total, failures, left } = sum;
    const figure = { value: passed, limit: total, fraction: passed / total, detail: failures.slice(0, 20).join('; ') };
    const open = left.length ? `, and ${left.length} parts are left` : '';
    if (!total && left.length) return;
    if (!total) return report.failed(device, name, 'no case was run');
    // What was found wrong is no less so for what there was no time for.
    if (failures.length && (!open || run.isLast))
      report.failed(device, name, `${total - passed} of ${total} failed${open}`, figure);
    else if (open) report.progress(device, name, figure, failures.length ? `${total - passed} failed so far` : '');
    else report.measured(device, name, figure);
  };
  while (sum.left.length && !run.isOver()) {
    const how = await runShard(run, sum.left[0], sum);
    if (how === 'done') sum.left.shift();
    say();
    if (how === 'late') break;
  }
  if (run.isLast) say();
}

const begin = (shards) => ({
  ...{ passed: 0, total: 0, failures: [] },
  left: shards.map((shard) => ({ shard, done: 0, starts: 0, hangs: 0 })),
});
function conformance(run) {
  run.memory.first ??= begin([0]);
  return runShards(run, run.memory.first);
}
function conformanceRest(run) {
  run.memory.rest ??= begin(Array.from({ length: kShards - 1 }, (_, i) => i + 1));
  return runShards(run, run.memory.rest);
}

async function endToEnd(run) {
  if (run.isOver()) return;
  const { report, device, rows } = run;
  const script = path.join(run.paths.root, 'test', 'gpu', 'end-to-end.js');
  const result = await run.command(process.execPath, [script, device], { limitMs: kEndToEndMs });
  if (result.isLate) return;
  const { name } = rows[0];
  try {
    if (result.hung) throw new Error(result.hung);
    const { passed, failed, skipped, checks, figures } = JSON.parse(result.output.trim().split('\n').at(-1));
    const total = passed + failed;
    const notes = figures.map((it) => `${it.name} ${it.ms.toFixed(3)} ms`);
    if (skipped.length) notes.unshift(`left out, ${skipped[0].reason}: ${skipped.map((it) => it.name).join(', ')}`);
    const figure = { value: passed, limit: total, fraction: passed / total, detail: notes.join('; ') };
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
const kSanitizerQuietMs = 120_000;

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
    const env = { GTEST_TOTAL_SHARDS: '16', GTEST_SHARD_INDEX: '3' };
    const result = await run.command(tool, [...args, `--gtest_filter=${kSanitized}`], {
      env,
      quietMs: kSanitizerQuietMs,
    });
    if (result.isLate) return;
    const { passed, at } = readCases(result.output);
    const summary = /ERROR SUMMARY:.*|RACECHECK SUMMARY:.*/.exec(result.output)?.[0] ?? result.how;
    const reason = result.hung ? `${at ?? 'the start'}: ${result.hung}` : summary;
    const figure = { value: passed, limit: passed, fraction: 1, detail: summary };
    if (result.code !== 0 || !passed) {
      const detail = result.output.replace(/^\[ (RUN {6}|\s{6}OK) \].*\n/gm, '').slice(0, 1500);
      report.failed(device, row.name, reason, { ...figure, fraction: 0, detail });
    } else report.measured(device, row.name, figure);
  }
}

module.exports = { devices, conformance, 'conformance-rest': conformanceRest, 'end-to-end': endToEnd, sanitizer };
