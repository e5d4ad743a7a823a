// Starts a program of test/support/children and waits for its end.
'use strict';

const { spawn } = require('node:child_process');
const { childProgram } = require('./paths');

/** Runs test/support/children/<name>, under `limits` of the shell's ulimit, and tells how it ended. */
function runChild(name, args = [], { env = {}, nodeOptions = [], timeout = 60000, limits = '' } = {}) {
  return new Promise((resolve) => {
    const program = [...nodeOptions, childProgram(name), ...args.map(String)];
    const [command, ...rest] = limits
      ? ['/bin/sh', '-c', `ulimit ${limits} && exec "$0" "$@"`, process.execPath, ...program]
      : [process.execPath, ...program];
    const started = spawn(command, rest, {
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
