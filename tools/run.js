// Runs a script of this repository after the set-up: node tools/run.js <script> [arguments]. stdout belongs to the
// script.
'use strict';
const path = require('node:path');
const { spawn } = require('node:child_process');
const { setup } = require('./setup');
const { root, say } = require('./process');

function endBy(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

const [script, ...args] = process.argv.slice(2);
if (!script) {
  say('usage: node tools/run.js <script> [arguments]');
  process.exit(2);
}
setup({ targets: ['switchyard_node'] })
  .then(() => {
    const child = spawn(process.execPath, [path.join(root, script), ...args], { stdio: 'inherit' });
    // The child decides when to end: npm passes a signal on to us, and so do we. (Not through a shell that waits for
    // us, which would end alone: a script that is to end by signals begins with `exec` in package.json.)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.on('error', (error) => {
      say(error.message);
      process.exitCode = 1;
    });
    // Ended by a signal: end the same way, so that a shell sees it.
    child.on('exit', (code, signal) => (signal ? endBy(signal) : (process.exitCode = code ?? 1)));
  })
  .catch((error) => {
    say(`set-up failed: ${error.message}`);
    process.exitCode = 1;
  });
