// The coordinator's table of programs: each is compiled once in the cluster, by one worker, and handed to all who ask
// for it.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { afterReading } = require('../../core');
const { kCompiling } = require('../../program');
const { CompileEntry, chooseWorker, mayBeLong, nameOf } = require('./compile-entry');

/** @typedef {import('./compile-entry').Compiling} Compiling */
/** @typedef {import('./compile-entry').Waiter} Waiter */
/** @typedef {import('./compile-entry').Held} Held */
/** @typedef {CompileEntry} Entry */
/** @typedef {import('../wire/messages').WireSources} WireSources */
/** @typedef {import('../wire/messages').WireError} WireError */
/** @typedef {import('../wire/messages').TensorHandle} TensorHandle */
/** @typedef {import('../wire/messages').CompiledMessage} CompiledMessage */
/** @typedef {import('../wire/messages').CompileFailedMessage} CompileFailedMessage */
/** @typedef {import('../wire/messages').CompiledProgram} CompiledProgram */
/** @typedef {import('../wire/messages').ProgramAnswer} ProgramAnswer */
/**
 * @typedef {object} PrimaryParts
 * @property {number} limit programs kept at hand
 * @property {number} timeout ms; Infinity for none
 * @property {() => Compiling[]} workers those there are
 * @property {(worker: Compiling, message: Extract<import('../wire/messages').ToMember, { type:
 *   'compile'|'compile-canceled'|'program-taken' }>) => void} send
 * @property {(handle: TensorHandle) => Held} open the compiled program's shared memory
 * @property {(name: string, program: CompiledProgram, requester: Compiling) => Pick<ProgramAnswer, 'cache'>} [onFirst]
 *   one is there for the first time; what it gives goes to those who asked
 * @property {import('../../core/log').Logger} log
 */

const noDeadline = () => {};
const kMaxDeaths = 2; // workers that a source may take down
const kLingerMs = 10000; // an answer may still be on its way to somebody who opens the memory
const kMaxCounted = 1000; // programs in the list for the next start
const kMaxUses = 4096; // programs whose uses are counted

class Compilations {
  /** @type {Map<string, Entry>} the longest unused first */
  #entries = new Map();
  /** @type {Map<number, Entry>} by the number of the attempt */
  #attempts = new Map();
  #lastNumber = 0;
  /** @type {Map<string, number>} program -> times it was used in this run */
  #uses = new Map();
  #closed = false;
  /** @type {Map<NodeJS.Timeout, Entry>} out of the table, their memory not released yet */
  #lingering = new Map();
  /** Source compilations of this run, and the ms they took. */
  compiled = { count: 0, ms: 0 };
  /** Whether the list for the next start has changed since it was last asked for. */
  isListStale = false;

  /** @param {PrimaryParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  get size() {
    return this.#entries.size;
  }

  /**
   * @param {Waiter} waiter
   * @param {{ key: string, request: WireSources, backends: readonly string[] }} wanted
   */
  request(waiter, { key, request, backends }) {
    if (this.#closed) return waiter.fail({ code: 'ERR_CLOSED', message: 'the cluster is being closed' });
    let entry = this.#entries.get(key);
    if (entry?.program) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      return waiter.answer({ ...entry.program, cached: 'cluster' });
    }
    if (!entry) this.#entries.set(key, (entry = new CompileEntry(key, request, backends)));
    this.#addWaiter(entry, waiter);
    if (entry.state === 'waiting') this.#start(entry);
    return undefined;
  }

  /**
   * @param {Entry} entry
   * @param {Waiter} waiter
   */
  #addWaiter(entry, waiter) {
    const { timeout } = this.parts;
    const forget =
      timeout === Infinity
        ? noDeadline
        : afterReading(timeout, () => {
            entry.waiters.delete(waiter);
            const why = entry.state === 'waiting' ? 'no worker was ready to compile it' : 'its compilation did not end';
            waiter.fail({ code: 'ERR_TIMEOUT', message: `${nameOf(entry)}: ${why} within ${timeout} ms` });
            if (entry.waiters.size) return;
            this.#forget(entry);
            this.#startWaiting();
          });
    entry.waiters.set(waiter, forget);
  }

  /**
   * Gives it to the worker that suits best: one with a device that can run it, then the requester itself, then the one
   * with the least to compile.
   * @param {Entry} entry
   */
  #start(entry) {
    const worker = chooseWorker(entry, this.#attempts, this.parts.workers());
    if (!worker) {
      entry.state = 'waiting';
      return;
    }
    entry.state = 'compiling';
    entry.isLong = false;
    entry.worker = worker;
    entry.number = ++this.#lastNumber;
    this.#attempts.set(entry.number, entry);
    this.parts.send(worker, { type: 'compile', number: entry.number, request: entry.request });
    this.#makeWay(entry, entry.number);
  }

  /**
   * What takes long leaves its place to others.
   * @param {Entry} entry
   * @param {number} number of the attempt
   */
  #makeWay(entry, number) {
    const timer = setTimeout(() => {
      if (this.#attempts.get(number) !== entry) return;
      if (!mayBeLong(entry, this.#attempts)) {
        this.#makeWay(entry, number); // perhaps once one of those has ended
        return;
      }
      entry.isLong = true;
      this.#startWaiting();
    }, kCompiling.longMs);
    timer.unref();
  }

  /** A worker has become ready. */
  onWorkerReady() {
    this.#startWaiting();
  }

  #startWaiting() {
    for (const entry of [...this.#entries.values()]) if (entry.state === 'waiting') this.#start(entry);
  }

  /**
   * @param {Compiling} worker
   * @param {boolean} [died] it did not leave on purpose
   */
  onWorkerGone(worker, died = true) {
    this.#dropWaitersOf(worker);
    for (const entry of [...this.#attempts.values()]) {
      if (entry.worker !== worker) continue;
      this.#attempts.delete(entry.number);
      entry.worker = undefined;
      if (!entry.waiters.size) {
        // what took its only requester along is not tried on a worker that never wanted it
        this.#forget(entry);
        continue;
      }
      if (died) ++entry.deaths;
      if (entry.deaths >= kMaxDeaths) {
        this.#fail(entry, {
          code: 'ERR_WORKER_LOST',
          message: `${nameOf(entry)}: two workers ended while they compiled its source, which is not tried again`,
        });
        continue;
      }
      if (died)
        this.parts.log.warn(
          { program: entry.request.name },
          'a worker has ended while it compiled a program: another one is asked',
        );
      this.#start(entry);
    }
    this.#startWaiting();
  }

  /** @param {Compiling} worker that reads no answers any more */
  #dropWaitersOf(worker) {
    for (const entry of [...this.#entries.values()]) {
      for (const [waiter, forget] of entry.waiters)
        if (waiter.requester === worker) {
          forget();
          entry.waiters.delete(waiter);
        }
      if (entry.state === 'waiting' && !entry.waiters.size) this.#forget(entry);
    }
  }

  /**
   * A worker has compiled a program.
   * @param {Compiling} worker
   * @param {Omit<CompiledMessage, 'type'>} message
   */
  onCompiled(worker, message) {
    const entry = this.#endAttempt(worker, message.number);
    if (entry) this.#settle(entry, message);
    this.parts.send(worker, { type: 'program-taken', number: message.number }); // whether somebody waits for it or not
    if (entry) this.#startWaiting();
  }

  /**
   * A worker could not compile a program.
   * @param {Compiling} worker
   * @param {Omit<CompileFailedMessage, 'type'>} message
   */
  onCompileFailed(worker, { number, error }) {
    const entry = this.#endAttempt(worker, number);
    if (!entry) return;
    this.#fail(entry, error);
    this.#startWaiting();
  }

  /**
   * @param {Compiling} worker
   * @param {number} number of the attempt
   * @returns {Entry|undefined} undefined: nobody waits for it any more
   */
  #endAttempt(worker, number) {
    const entry = this.#attempts.get(number);
    if (!entry || entry.worker !== worker) return undefined;
    this.#attempts.delete(number);
    return entry;
  }

  /**
   * @param {Entry} entry
   * @param {Omit<CompiledMessage, 'type'>} message
   */
  #settle(entry, { tensor, id, ms, fromDisk, problems }) {
    try {
      entry.memory = this.parts.open(tensor);
    } catch (error) {
      this.#fail(entry, {
        code: error.code === 'ERR_OUT_OF_MEMORY' ? error.code : 'ERR_INTERNAL',
        message: `${nameOf(entry)}: what was compiled could not be opened: ${error.message}`,
      });
      return;
    }
    entry.state = 'ready';
    entry.worker = undefined;
    entry.program = { tensor, id, ms, problems };
    if (!fromDisk) {
      ++this.compiled.count;
      this.compiled.ms += ms;
    }
    this.countUses({ [id]: 1 });
    this.#tell(entry, entry.program, fromDisk ? 'disk' : false);
    this.#bound();
  }

  /**
   * @param {Entry} entry
   * @param {CompiledProgram} program
   * @param {'disk'|false} cached
   */
  #tell(entry, program, cached) {
    const waiters = [...entry.waiters];
    entry.waiters.clear();
    for (const [i, [waiter, forget]] of waiters.entries()) {
      forget();
      const more = i === 0 ? this.parts.onFirst?.(entry.request.name, program, waiter.requester) : undefined;
      waiter.answer({ ...program, cached: i === 0 ? cached : 'cluster', ...more });
    }
  }

  /**
   * @param {Entry} entry
   * @param {WireError} error
   */
  #fail(entry, error) {
    this.#forget(entry);
    for (const [waiter, forget] of entry.waiters) {
      forget();
      waiter.fail(error);
    }
    entry.waiters.clear();
  }

  /**
   * @param {Entry} entry
   */
  #forget(entry) {
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
    if (this.#attempts.delete(entry.number) && entry.worker)
      this.parts.send(entry.worker, { type: 'compile-canceled', number: entry.number });
    entry.worker = undefined;
  }

  /** What was asked for longest ago goes, once there are more than the limit. */
  #bound() {
    let over = [...this.#entries.values()].filter(({ state }) => state === 'ready').length - this.parts.limit;
    for (const entry of this.#entries.values()) {
      if (over <= 0) break;
      if (entry.state !== 'ready') continue;
      --over;
      this.#entries.delete(entry.key);
      const timer = setTimeout(() => {
        this.#lingering.delete(timer);
        entry.memory?.release();
      }, kLingerMs);
      timer.unref();
      this.#lingering.set(timer, entry);
    }
  }

  // ---- the list for the next start

  /** @param {Record<string, number>} uses by program, since the last time */
  countUses(uses) {
    for (const [id, count] of Object.entries(uses)) {
      if (!/^[\da-f]{64}$/.test(id) || !(count > 0)) continue;
      this.isListStale = true;
      if (!this.#uses.has(id) && this.#uses.size >= kMaxUses) this.#forgetRare();
      this.#uses.set(id, (this.#uses.get(id) ?? 0) + count);
    }
  }

  /** The half that was used least goes. */
  #forgetRare() {
    const sorted = [...this.#uses].sort((a, b) => b[1] - a[1]);
    this.#uses = new Map(sorted.slice(0, sorted.length / 2));
  }

  /** @returns {string[]} the programs of this run, most used first */
  warmUpList() {
    this.isListStale = false;
    return [...this.#uses]
      .sort((a, b) => b[1] - a[1])
      .slice(0, kMaxCounted)
      .map(([id]) => id);
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    for (const entry of [...this.#entries.values()]) {
      if (entry.state !== 'ready')
        this.#fail(entry, {
          code: 'ERR_CLOSED',
          message: `${nameOf(entry)}: the cluster was closed before it was compiled`,
        });
      entry.memory?.release();
    }
    this.#entries.clear();
    for (const [timer, entry] of this.#lingering) {
      clearTimeout(timer);
      entry.memory?.release();
    }
    this.#lingering.clear();
  }
}

module.exports = { Compilations };
