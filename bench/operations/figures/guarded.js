// Instructions of the guarded host-side paths, beside the committed baseline: what counting costs takes.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const kMost = 3; // % more

/** @param {{ quick?: boolean }} options */
async function measure({ quick }) {
  const base = {
    name: 'instructions of guarded paths, the one that grew most',
    unit: '%',
    target: `at most ${kMost}% more`,
  };
  if (quick) return [{ ...base, value: null, detail: 'not in a quick run' }];
  const guard = path.join(__dirname, '..', '..', 'guard', 'index.js');
  const { stdout, stderr } = spawnSync(process.execPath, [guard, '--json', '--no-build'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  let counted;
  try {
    counted = JSON.parse(stdout);
  } catch {
    return [{ ...base, value: null, detail: stderr.trim().split('\n').at(-1) }];
  }
  const before = JSON.parse(fs.readFileSync(path.join(path.dirname(guard), 'baseline.json'), 'utf8'));
  if (JSON.stringify(counted.toolchain) !== JSON.stringify(before.toolchain))
    return [{ ...base, value: null, detail: 'the baseline is of another toolchain' }];
  const changes = Object.entries(counted.paths).flatMap(([name, { total }]) =>
    before.paths[name] ? [{ name, percent: 100 * (total / before.paths[name].total - 1) }] : [],
  );
  const worst = changes.reduce((a, b) => (a.percent >= b.percent ? a : b));
  return [
    { ...base, value: worst.percent, met: worst.percent <= kMost, detail: `${worst.name}; ${changes.length} paths` },
  ];
}

module.exports = { measure };
