// The primary's side of programs: what members ask for and answer, the event, and the list for the next start. Which
// worker compiles what is in compilations.js.
'use strict';
const { setInterval, clearInterval } = require('node:timers');
const { native } = require('../../addon');
const { Compilations } = require('./compilations');
const { openSharedTensor } = require('../../call');
const { backendsOf, cacheFolder } = require('../../program');
const { asGpuError } = require('../../core');

/** @typedef {import('./member').Member} Member */
/**
 * @typedef {object} ProgramsParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {import('./primary').Emit} emit on the primary's manager
 * @property {import('../../metrics/metrics').Metrics} metrics
 * @property {() => Member[]} workers
 */

const kStoreMs = 30000;
const kMaxTold = 100;
const kMaxRequestBytes = 4 * 2 ** 20;

class ClusterPrograms {
  /** @type {Set<string>} problems without the files they are about */
  #told = new Set();
  #timer;
  #folder;

  /** @param {ProgramsParts} parts */
  constructor(parts) {
    this.parts = parts;
    this.#folder = cacheFolder(parts.config);
    this.compilations = new Compilations({
      limit: parts.config.shaderCacheSize,
      timeout: parts.config.timeout,
      log: parts.log,
      workers: () => parts.workers().filter(({ run }) => run !== undefined),
      send: (worker, message) => /** @type {Member} */ (worker).say(message),
      open: (handle) => openSharedTensor(handle),
      onFirst: (name, answer, requester) => this.#onFirst(name, answer, /** @type {Member} */ (requester)),
    });
    this.#timer = setInterval(() => this.#store(), kStoreMs);
    this.#timer.unref();
  }

  /**
   * @param {Member} member
   * @param {Extract<import('../wire/messages').ToCoordinator, { type:
   *   'program'|'compiled'|'compile-failed'|'program-problems'|'program-uses' }>} message
   */
  onMessage(member, message) {
    switch (message.type) {
      case 'program':
        this.#onRequest(member, message);
        break;
      case 'compiled':
        this.#onProblems(message.problems);
        this.compilations.onCompiled(member, message);
        break;
      case 'compile-failed':
        this.compilations.onCompileFailed(member, message);
        break;
      case 'program-problems':
        this.#onProblems(message.problems);
        break;
      case 'program-uses':
        this.compilations.countUses(message.uses);
        break;
    }
  }

  /**
   * @param {Member} member
   * @param {import('../wire/messages').ProgramMessage} message
   */
  #onRequest(member, { id, key, request }) {
    const fail = (/** @type {import('../wire/messages').WireError} */ error) =>
      member.say({ type: 'answer-error', id, error });
    if (JSON.stringify(request).length > kMaxRequestBytes)
      return fail({
        code: 'ERR_INVALID_ARGUMENT',
        message: `the sources of '${request.name}' are more than ${kMaxRequestBytes} bytes together`,
      });
    return this.compilations.request(
      { requester: member, fail, answer: (answer) => member.say({ type: 'answer', id, answer }) },
      { key, request, backends: backendsOf(request) },
    );
  }

  /**
   * A program is there for the first time: the primary's manager tells, and so does the one that asked.
   * @param {string} name
   * @param {{ ms: number }} answer
   * @param {Member} requester
   */
  #onFirst(name, { ms }, requester) {
    const { hits, misses, bytes } = this.parts.metrics.programs();
    const cache = {
      cacheHitRate: hits + misses > 0 ? (100 * hits) / (hits + misses) : 0,
      memoryUsage: bytes / 2 ** 20,
    };
    this.parts.log.debug({ program: name, ms }, 'a program is compiled');
    if (!requester.inProcess) this.parts.emit('shader-compiled', () => ({ name, compilationTime: ms, ...cache }));
    return { cache };
  }

  /**
   * What is wrong with the folder of programs on disk: told once each, and once for what is wrong with any file there.
   * @param {string[]} problems
   */
  #onProblems(problems) {
    for (const problem of problems) {
      const kind = problem.replace(/\S*\/\S*/g, '');
      if (this.#told.has(kind) || this.#told.size >= kMaxTold) continue;
      this.#told.add(kind);
      this.parts.log.warn(
        { problem },
        'the cache of programs on disk has a problem: what it would have given is compiled',
      );
    }
  }

  #store() {
    if (!this.#folder || !this.compilations.isListStale) return;
    try {
      if (!native.storeWarmUp(this.#folder, this.compilations.warmUpList()))
        this.parts.log.debug('the list of programs for the next start could not be written');
    } catch (error) {
      this.parts.log.debug(
        { reason: asGpuError(error).message },
        'the list of programs for the next start could not be written',
      );
    }
  }

  close() {
    clearInterval(this.#timer);
    this.#store();
    this.compilations.close();
  }
}

module.exports = { ClusterPrograms };
