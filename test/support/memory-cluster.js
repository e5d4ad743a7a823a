// Clusters for the tests of shared memory: a primary in a child process with forks of its own, each of which runs what
// a test hands it.
'use strict';
const { fork } = require('node:child_process');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: wait } = require('node:timers/promises');
const { childProgram } = require('./paths');

class MemoryCluster {
  #child;
  #last = 0;
  #waiting = new Map();
  /** Pids by number of the worker; 0: the primary. */
  pids = new Map();
  exited = new Map();

  constructor(options = {}, env = {}) {
    this.#child = fork(childProgram('memory/cluster.js'), [], {
      serialization: 'advanced',
      env: { ...process.env, LOG_LEVEL: 'silent', ...env, SWITCHYARD_OPTIONS: JSON.stringify(options) },
    });
    this.pids.set(0, this.#child.pid);
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the primary has ended'));
      this.#waiting.clear();
    });
    this.#child.on('message', ({ id, value, error, exited, signal, code }) => {
      if (exited !== undefined) {
        this.exited.set(exited, signal ?? code);
        for (const [number, { to, reject }] of this.#waiting)
          if (to === exited) {
            this.#waiting.delete(number);
            reject(Object.assign(new Error('the worker has ended'), { code: 'GONE' }));
          }
        return;
      }
      const { resolve, reject } = this.#waiting.get(id) ?? {};
      this.#waiting.delete(id);
      if (error) reject?.(Object.assign(new Error(error.message), error));
      else resolve?.(value);
    });
  }

  #ask(message) {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { to: message.to, resolve, reject });
      this.#child.send({ ...message, id });
    });
  }

  /** Forks workers, with this environment beside their own; gives their numbers. */
  async fork(count, env = {}) {
    const numbers = [];
    for (let i = 0; i < count; ++i) {
      const { worker, pid } = await this.#ask({ fork: env });
      this.pids.set(worker, pid);
      numbers.push(worker);
    }
    return numbers;
  }

  /** The workers that have not ended. */
  get workers() {
    return [...this.pids.keys()].filter((worker) => worker && !this.exited.has(worker));
  }

  /** Runs a function in a process: its first argument is what the processes keep. */
  on(to, what, ...given) {
    return this.#ask({ to, source: what.toString(), given });
  }

  /** The process that has a store open, by its folder: its lock is open there alone. 0: the primary. */
  ownerOf(folder) {
    const lock = path.join(fs.realpathSync(folder), 'lock');
    for (const [worker, pid] of this.pids) if (!this.exited.has(worker) && hasOpen(pid, lock)) return worker;
    return undefined;
  }

  /** Where an index lies that is in no store, by its name. */
  folderOnMemory(name, memory = '/dev/shm') {
    const [folder] = fs.readdirSync(memory).filter((each) => each.includes(`-${this.pids.get(0)}-`));
    const store = createHash('sha256').update(`index:${name}`).digest('hex').slice(0, 32);
    return path.join(memory, folder, `store-${store}`);
  }

  /** Kills a process, and says when it has ended. */
  async kill(worker) {
    process.kill(this.pids.get(worker), 'SIGKILL');
    while (worker && !this.exited.has(worker)) await wait(5);
  }

  /**
   * Kills the owners of a store one after the other, but for those that are spared; another process opens it each time.
   */
  async killOwners(folder, count, spared, open) {
    for (let kills = 0; kills < count;) {
      await wait(200 + Math.random() * 300);
      const owner = this.ownerOf(folder);
      if (owner === undefined || spared.includes(owner)) continue;
      await this.kill(owner);
      kills += 1;
      const [next] = await this.fork(1);
      await open(next);
    }
  }

  async end() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    await this.on(0, ({ manager }) => manager.close());
    this.#child.disconnect();
    await once(this.#child, 'exit');
  }

  /** The primary, which its workers don't outlive. */
  async killAll() {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Whether a process has a file open; not so once it has gone. */
function hasOpen(pid, file) {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return fs.readlinkSync(`/proc/${pid}/fd/${fd}`) === file;
      } catch {
        return false; // it was closed meanwhile
      }
    });
  } catch {
    return false;
  }
}

module.exports = { MemoryCluster };
