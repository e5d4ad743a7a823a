// A program that was asked for, and which worker compiles it.
'use strict';
const { kCompiling } = require('../../program');

/**
 * A worker, as far as compiling goes.
 * @typedef {object} Compiling
 * @property {number} slot
 * @property {boolean} canCompile it runs jobs, and is ready
 * @property {ReadonlySet<string>} backends of its contexts
 */
/** @typedef {import('../wire/messages').WireSources} WireSources */
/** @typedef {import('../wire/messages').WireError} WireError */
/** @typedef {import('../wire/messages').CompiledProgram} CompiledProgram */
/** @typedef {import('../wire/messages').ProgramAnswer} ProgramAnswer */
/**
 * @typedef {object} Waiter
 * @property {Compiling} requester
 * @property {(answer: ProgramAnswer) => void} answer
 * @property {(error: WireError) => void} fail
 */
/** @typedef {{ release: () => void }} Held memory of a program that this process holds */

/** A program from the first question on. */
class CompileEntry {
  /**
   * @param {string} key
   * @param {WireSources} request
   * @param {readonly string[]} backends
   */
  constructor(key, request, backends) {
    this.key = key;
    this.request = request;
    this.backends = backends;
    /** @type {'waiting'|'compiling'|'ready'} */
    this.state = 'waiting';
    this.number = 0; // of the attempt that is under way
    this.isLong = false; // it takes no place from others any more
    /** @type {Compiling|undefined} */
    this.worker = undefined;
    this.deaths = 0;
    /** @type {Map<Waiter, () => void>} with what ends its deadline */
    this.waiters = new Map();
    /** @type {CompiledProgram|undefined} */
    this.program = undefined;
    /** @type {Held|undefined} */
    this.memory = undefined;
  }
}

/**
 * The worker that suits best: one with a device that can run it, then the requester itself, then the one with the least
 * to compile.
 * @param {CompileEntry} entry
 * @param {ReadonlyMap<number, CompileEntry>} attempts that are under way
 * @param {readonly Compiling[]} workers
 * @returns {Compiling|undefined} undefined: none has a place
 */
function chooseWorker(entry, attempts, workers) {
  const requester = [...entry.waiters.keys()][0]?.requester;
  const busy = (/** @type {Compiling} */ worker) => attemptsOf(worker, attempts, false);
  const rank = (/** @type {Compiling} */ worker) => [
    -entry.backends.filter((backend) => worker.backends.has(backend)).length,
    worker === requester ? 0 : 1,
    busy(worker),
    worker.slot,
  ];
  // What waits is not given to a worker yet, and so not blamed when that ends.
  const [best] = workers
    .filter((one) => one.canCompile && busy(one) < kCompiling.most)
    .sort((a, b) => compare(rank(a), rank(b)));
  return best;
}

/**
 * @param {CompileEntry} entry
 * @param {ReadonlyMap<number, CompileEntry>} attempts
 */
function mayBeLong({ worker }, attempts) {
  return worker !== undefined && attemptsOf(worker, attempts, true) < kCompiling.mostLong;
}

/**
 * @param {Compiling} worker
 * @param {ReadonlyMap<number, CompileEntry>} attempts
 * @param {boolean} long
 */
function attemptsOf(worker, attempts, long) {
  let count = 0;
  for (const other of attempts.values()) if (other.worker === worker && other.isLong === long) ++count;
  return count;
}

/** @param {CompileEntry} entry */
function nameOf({ request }) {
  return `${request.kind} '${request.name}'`;
}

/**
 * @param {number[]} a
 * @param {number[]} b
 */
function compare(a, b) {
  for (let i = 0; i < a.length; ++i) if (a[i] !== b[i]) return a[i] - b[i];
  return 0;
}

module.exports = { CompileEntry, chooseWorker, mayBeLong, nameOf };
