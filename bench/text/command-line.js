// The command line from its start to its end, with the default model.
'use strict';
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { median, now } = require('../stats');
const { below } = require('./targets');

const root = path.join(__dirname, '../..');
const kRuns = 9;
const kArguments = ['embed', 'may I use this in a product that I sell?'];
const kDirect = 'switchyard embed "text"';
const kNpx = 'npx switchyard embed "text"';

/** The middle of some runs, in ms; the first one warms the files. */
function timesOf(command, args, runs) {
  const times = [];
  for (let i = 0; i <= runs; ++i) {
    const from = now();
    const { status, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`it ended with ${status}: ${stderr.trim()}`);
    times.push(now() - from);
  }
  return median(times.slice(1));
}

const commandLine = ({ quick }) => ({
  name: 'command line',
  figures: [
    { name: kDirect, unit: 's', ...below(0.6) },
    { name: kNpx, unit: 's' },
  ],
  async take() {
    const runs = quick ? 3 : kRuns;
    const direct = timesOf(process.execPath, [path.join(root, 'lib/cli/main.js'), ...kArguments], runs);
    const bare = timesOf(process.execPath, ['-e', '0'], runs);
    const npx = timesOf('npx', ['--no-install', 'switchyard', ...kArguments], runs);
    return {
      figures: {
        [kDirect]: { value: direct / 1000, detail: `Node alone takes ${Math.round(bare)} ms of it` },
        [kNpx]: { value: npx / 1000, detail: `of which npx ${Math.round(npx - direct)} ms` },
      },
    };
  },
});

module.exports = { commandLine };
