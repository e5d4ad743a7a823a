// Runs a script of this repository after the set-up: node deploy/run.js <script> [arguments]. stdout belongs to the script.
'use strict';
const path = require('node:path');
const { spawn } = require('node:child_process');
const { setup } = require('./setup');
const { root, say } = require('./process');

const [script, ...args] = process.argv.slice(2);
if (!script) {
  say('usage: node deploy/run.js <script> [arguments]');
  process.exit(2);
}
setup({ targets: ['switchyard_node'] })
  .then(() => {
    const child = spawn(process.execPath, [path.join(root, script), ...args], { stdio: 'inherit' });
    child.on('error', (error) => {
      say(error.message);
      process.exitCode = 1;
    });
    // Ended by a signal: end the same way, so that a shell sees it.
    child.on('exit', (code, signal) => (signal ? process.kill(process.pid, signal) : (process.exitCode = code ?? 1)));
  })
  .catch((error) => {
    say(`set-up failed: ${error.message}`);
    process.exitCode = 1;
  });
