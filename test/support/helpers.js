// What the tests share: the package, its devices, random data, failures that must come, and child processes.
'use strict';
const path = require('node:path');
const { spawn } = require('node:child_process');
const { gpu, seed, random, matrix } = require('./plain');

const devices = gpu.devices().map(({ id }) => id);
/** The error a promise is rejected with; fails when there is none. */
async function failure(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`it was expected to fail, but gave ${JSON.stringify(value)?.slice(0, 200)}`);
}

function expectClose(actual, expected, tolerance, what = 'output') {
  const got = Array.from(actual),
    want = expected.flat(Infinity);
  expect(got.length).toBe(want.length);
  for (let i = 0; i < want.length; ++i) {
    const allowed = tolerance * (1 + Math.abs(want[i]));
    if (!(Math.abs(got[i] - want[i]) <= allowed))
      throw new Error(`${what}[${i}] is ${got[i]}, but should be ${want[i]} (seed ${seed})`);
  }
}

/** Runs test/support/children/<name> and tells how it ended. */
function runChild(name, args = [], { env = {}, nodeOptions = [], timeout = 60000 } = {}) {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [...nodeOptions, path.join(__dirname, 'children', name), ...args.map(String)],
      { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let stdout = '',
      stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

module.exports = { gpu, devices, random, matrix, failure, expectClose, runChild };
