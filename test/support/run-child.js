// Starts a program of test/support/children and waits for its end.
'use strict';

const { spawn } = require('node:child_process');
const { childProgram } = require('./paths');

/** Runs test/support/children/<name> and tells how it ended. */
function runChild(name, args = [], { env = {}, nodeOptions = [], timeout = 60000 } = {}) {
  return new Promise((resolve) => {
    const started = spawn(process.execPath, [...nodeOptions, childProgram(name), ...args.map(String)], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '',
      stderr = '';
    started.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    started.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const timer = setTimeout(() => started.kill('SIGKILL'), timeout);
    started.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

module.exports = { runChild };
