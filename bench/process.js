// A child process that answers calls: everything measured runs in a process of its own, so that nothing measured
// disturbs another.
'use strict';
const { fork } = require('node:child_process');

class Peer {
  #waiting = new Map();
  #next = 0;
  constructor(script, args, { env = {}, execArgv = [] } = {}) {
    this.child = fork(script, args, {
      env: { ...process.env, ...env },
      execArgv,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.errors = '';
    this.child.stderr.on('data', (text) => {
      this.errors = (this.errors + text).slice(-4000);
    });
    this.child.on('message', ({ id, result, error }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(new Error(error));
      else resolve(result);
    });
    this.ended = new Promise((resolve) =>
      this.child.on('exit', (code, signal) => {
        const reason = signal ? `ended by ${signal}` : `exited with ${code}`;
        const lines = this.errors.trim().split('\n'),
          last = lines.findLast((line) => /Error:/.test(line)) ?? lines.at(-1);
        for (const { reject } of this.#waiting.values()) reject(new Error(last ? `${reason}: ${last}` : reason));
        this.#waiting.clear();
        this.gone = reason;
        resolve();
      }),
    );
  }
  call(operation, args = {}, { timeoutMs = 300_000 } = {}) {
    if (this.gone) return Promise.reject(new Error(this.gone));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no answer to ${operation} in ${timeoutMs / 1000} s`));
        this.child.kill('SIGKILL');
      }, timeoutMs);
      const settle = (how) => (value) => {
        clearTimeout(timer);
        how(value);
      };
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.child.send({ id, operation, args });
    });
  }
  async close() {
    if (this.child.connected) this.child.disconnect();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await this.ended;
    clearTimeout(timer);
  }
}

module.exports = { Peer };
