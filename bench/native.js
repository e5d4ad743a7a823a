// Runs the native bench and takes its figures in.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const program = path.join(__dirname, '..', 'build', 'release', 'switchyard_bench');

// { figures: [{ name, value, unit, target, met, detail }], ... } as the program prints it.
function runNative({ quick }) {
  if (!fs.existsSync(program)) throw new Error('build/release/switchyard_bench is not built: npm run setup');
  const { status, signal, stdout, stderr } = spawnSync(program, ['--json', ...(quick ? ['--quick'] : [])], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0)
    throw new Error(
      `switchyard_bench ${signal ? `was ended by ${signal}` : `ended with ${status}`}: ` +
        `${stderr.trim().split('\n').pop()}`,
    );
  return JSON.parse(stdout);
}

module.exports = { runNative };
