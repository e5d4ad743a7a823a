// What is hostile without a request: sources that no compiler gets through, managers made and closed, workers that are
// ended from outside as they start, and too few descriptors. Each in processes of its own, the suite's where there are
// some.
'use strict';
const path = require('node:path');
const { runChild } = require('../../../test/support/run-child');

const kChildMs = 150_000;
const kBombs = 12;

/** The last line of a child's output as JSON, or how it failed. */
function toldBy({ code, signal, stdout, stderr }) {
  const line = stdout.trim().split('\n').at(-1);
  if (code !== 0 || !line) return { failed: `${signal ?? code}: ${stderr.trim().slice(-500)}` };
  return JSON.parse(line);
}

/** Some of them, a good one behind them, and another after. */
async function compileBombs() {
  const told = toldBy(await runChild('bombs.js', [kBombs], { timeout: kChildMs }));
  if (told.failed) return { ok: false, ...told };
  const codes = {};
  for (const code of told.codes) codes[code] = (codes[code] ?? 0) + 1;
  const { usual, ms, meanwhile, lost, health, right, largest } = told;
  return {
    codes,
    ms: { usual: Math.round(usual), meanwhile: Math.round(meanwhile), after: Math.round(ms) },
    largestMb: Math.round(largest / 1024),
    workersLost: lost,
    health,
    ok:
      told.codes.length === kBombs &&
      right &&
      lost === 0 &&
      !codes.compiled &&
      largest < 2 ** 20 &&
      ms < 3 * usual + 500,
  };
}

/** Unused ones, and a few with a job each. */
async function closeManagers({ count }) {
  const result = { managers: count, withJob: Math.round(count / 10), descriptors: 0, megabytes: 0, ok: true };
  for (const args of [[count], [result.withJob, 'run']]) {
    const nodeOptions = ['--expose-gc', '--max-semi-space-size=1']; // V8's own reserve left out
    const told = toldBy(await runChild('closed-managers.js', args, { nodeOptions, timeout: kChildMs }));
    if (told.failed) return { ...result, ...told, ok: false };
    result.descriptors = Math.max(result.descriptors, told.descriptors);
    result.megabytes = Math.max(result.megabytes, Math.round(told.megabytes * 10) / 10);
  }
  return { ...result, ok: result.descriptors <= 0 && result.megabytes < 5 };
}

async function endStarting({ ways = ['SIGTERM', 'SIGKILL', 'SIGINT', 'exit'] }) {
  const result = { ended: 0, avoidedDevices: [], ok: true };
  for (const how of ways) {
    const told = toldBy(await runChild('killed-starts.js', [how], { timeout: kChildMs }));
    if (told.failed) return { ...result, ...told, ok: false };
    result.ended += told.ended;
    result.avoidedDevices.push(...told.avoidedDevices);
  }
  return { ...result, ok: result.avoidedDevices.length === 0 };
}

async function wantDescriptors({ rounds, limits = [40, 64] }) {
  const result = { right: 0, wrong: 0, refused: {}, descriptors: [], ok: true };
  for (const limit of limits) {
    const told = toldBy(
      await runChild(path.join(__dirname, 'descriptors.js'), [rounds], {
        limits: `-n ${limit}`,
        timeout: kChildMs,
      }),
    );
    if (told.failed) return { ...result, limit, ...told, ok: false };
    result.right += told.right;
    result.wrong += told.wrong;
    result.descriptors.push(told.descriptors);
    for (const [code, times] of Object.entries(told.refused))
      result.refused[code] = (result.refused[code] ?? 0) + times;
  }
  const other = Object.keys(result.refused).filter((code) => code !== 'ERR_OUT_OF_MEMORY');
  return {
    ...result,
    ok: !result.wrong && !other.length && result.right > 0 && result.descriptors.every((left) => left <= 2),
  };
}

module.exports = { compileBombs, closeManagers, endStarting, wantDescriptors };
