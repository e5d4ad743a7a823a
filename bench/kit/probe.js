// Ends with 0 where Node, the addon and the kit's programs load with the libraries that there are.
'use strict';
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const root = path.join(__dirname, '..', '..');
require(path.join(root, 'build', 'release', 'switchyard.node'));
for (const [name, argument] of [
  ['switchyard_tests', '--help'],
  ['switchyard_bench', '--help'],
]) {
  const { status, signal, stderr, error } = spawnSync(path.join(root, 'build', 'release', name), [argument], {
    encoding: 'utf8',
  });
  // The bench knows no --help, and says so with 2; what can't be loaded ends with 127 or a signal.
  if (error || signal || status > 2) throw new Error(`${name}: ${error?.message ?? (stderr || signal)}`);
}
// Those that have not heard of an exit would wait for what the addon has begun.
process.exit(0);
