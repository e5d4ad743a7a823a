// `switchyard start` as a process of its own, on ports that are free.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { cliProgram } = require('./paths');

/**
 * @param {{ args?: string[], env?: Record<string, string> }} [options]
 * @returns {Promise<{ ready: { url: string, rpcUrl: string }, stop: () => Promise<void> }>}
 */
async function startService({ args = [], env = {} } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-service-'));
  const child = spawn(
    process.execPath,
    [cliProgram, 'start', '--json', '--port', '0', '--rpc-port', '0', '--workers', '1', ...args],
    { env: { ...process.env, MEMORY_DIR: folder, LOG_LEVEL: 'error', ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const text = await new Promise((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(data.toString()));
    ended.then((how) => reject(new Error(`the service ended: ${JSON.stringify(how)} ${stderr}`)));
  });
  const stop = async () => {
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null });
    fs.rmSync(folder, { recursive: true, force: true });
  };
  return { ready: JSON.parse(text), stop };
}

module.exports = { startService };
