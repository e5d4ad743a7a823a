// Programs that the kit runs, each in a process group of its own, so that it goes with all that it has started, and
// with an order of the system's to end when this process does, however that ends.
'use strict';
const { spawn } = require('node:child_process');

const kMostOutput = 1 << 24;
const kAfterKillMs = 3000; // what was ended may have left its pipes to processes that are in no group of ours

/**
 * @param {string} bench switchyard_bench, which passes the order on
 * @param {import('node:child_process').SpawnOptions} options
 */
const spawnWith = (bench, command, args, options) =>
  spawn(bench, ['--with-parent', String(process.pid), command, ...args], { ...options, detached: true });

function killGroup(child) {
  if (!child.pid) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

const tailOf = (text) => (text.length > 2 * kMostOutput ? text.slice(-kMostOutput) : text);
const seconds = (ms) => `${Math.round(ms / 1000)} s`;

/**
 * A program's end: how it came, what was said, `isLate` where it was ended because `deadline` had come, `hung` with a
 * sentence where it was ended because it took longer than `limitMs`, or said nothing for `quietMs`.
 * @param {string} bench
 * @param {{ env: NodeJS.ProcessEnv, cwd?: string, deadline?: number, limitMs?: number, quietMs?: number,
 *   children?: Set<{ kill(): void }> }} options
 * @returns {Promise<{ code: number, signal: string|null, how: string, output: string, errors: string, isLate: boolean,
 *   hung: string }>}
 */
function runCommand(bench, command, args, options) {
  const { env, cwd, deadline = Infinity, limitMs = Infinity, quietMs = Infinity, children } = options;
  return new Promise((resolve) => {
    const child = spawnWith(bench, command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] }),
      begun = performance.now(),
      entry = { kill: () => killGroup(child) };
    children?.add(entry);
    let output = '',
      errors = '',
      isLate = false,
      hung = '',
      heard = begun,
      timer = /** @type {NodeJS.Timeout|undefined} */ (undefined);
    const end = (code, how, signal = null) => {
      clearTimeout(timer);
      children?.delete(entry);
      resolve({ code, signal, how, output: tailOf(output), errors: tailOf(errors), isLate, hung });
    };
    const watch = () => {
      const now = performance.now();
      if (now >= deadline) isLate = true;
      else if (now >= begun + limitMs) hung = `it was ended after ${seconds(limitMs)}`;
      else if (now >= heard + quietMs) hung = `it was ended after ${seconds(quietMs)} without a word`;
      else {
        const next = Math.min(deadline, begun + limitMs, heard + quietMs) - now;
        if (next < Infinity) timer = setTimeout(watch, Math.max(1, Math.min(next, 2 ** 30)));
        return;
      }
      killGroup(child);
      timer = setTimeout(() => {
        for (const stream of [child.stdout, child.stderr]) stream?.destroy();
        end(-1, 'its pipes were held by others');
      }, kAfterKillMs);
    };
    child.stdout?.on('data', (text) => {
      heard = performance.now();
      output = tailOf(output + text);
    });
    child.stderr?.on('data', (text) => {
      errors = tailOf(errors + text);
    });
    child.on('error', (error) => end(-1, error.message));
    child.on('close', (code, signal) => end(code ?? -1, signal ? `ended by ${signal}` : `exited with ${code}`, signal));
    watch();
  });
}

module.exports = { runCommand, spawnWith, killGroup };
