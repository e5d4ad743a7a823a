// What the coordinator has compiled in this process, and the programs of the last run, made ready ahead of traffic.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { native } = require('../../addon');
const { nextId, track, createSharedTensor } = require('../../call');
const { cacheFolder, compileHere, prepareOn, fits, fromWire } = require('../../program');
const { asGpuError, plainError, nowMs } = require('../../core');

/** @typedef {import('../../addon/native').ProgramHandle} ProgramHandle */
/**
 * @typedef {object} CompilerParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {() => import('./pool').PoolContext[]} contexts of this process
 * @property {(message: import('../wire/messages').ToCoordinator) => void} say to the coordinator
 * @property {() => void} announce shared memory that was made since
 */

const kWarmUpMs = 5000;
const kWarmUpLanes = 4; // programs that are loaded side by side

/** What the coordinator can have compiled in this process. */
class Compiler {
  /** @type {Map<number, import('../../call/shared-tensor').SharedTensor>} until the coordinator has them */
  #sent = new Map();
  /** @type {Map<number, AbortController>} by the number of the attempt that is under way */
  #compiling = new Map();
  #closed = false;

  /** @param {CompilerParts} parts */
  constructor(parts) {
    this.parts = parts;
    this.folder = cacheFolder(parts.config);
  }

  /** @param {ProgramHandle} program */
  #fitting({ info }) {
    return this.parts.contexts().filter((context) => context.isReady && fits(context.gpu.device, info));
  }

  /**
   * Compiles, and has this process's devices make their part, so that what a driver refuses is known at once.
   * @param {{ number: number, request: import('../wire/messages').WireSources }} message
   */
  async onCompile({ number, request }) {
    const canceling = new AbortController();
    this.#compiling.set(number, canceling);
    try {
      const { signal } = canceling;
      const { devices } = this.parts.config;
      const compiled = await compileHere(fromWire(request), this.folder, signal, devices);
      const { handle, fromDisk, ms, problems } = compiled;
      const prepared = await this.#prepare(handle);
      if (this.#closed) return; // nobody would take the memory, or let go of it
      const bytes = handle.bytes();
      const tensor = createSharedTensor([bytes.length], 'uint8');
      tensor.data.set(bytes);
      tensor.seal();
      this.#sent.set(number, tensor);
      this.parts.announce();
      this.parts.say({
        type: 'compiled',
        number,
        tensor: tensor.handle,
        id: handle.id,
        ms: ms + prepared,
        fromDisk,
        problems,
      });
    } catch (error) {
      this.parts.say({ type: 'compile-failed', number, error: plainError(error) });
    } finally {
      this.#compiling.delete(number);
    }
  }

  /** @param {number} number of an attempt for which nobody waits any more */
  onCanceled(number) {
    this.#compiling.get(number)?.abort();
  }

  /** @param {number} number of an attempt whose outcome the coordinator has */
  onTaken(number) {
    this.#sent.get(number)?.release();
    this.#sent.delete(number);
  }

  /**
   * @param {ProgramHandle} program
   * @returns {Promise<number>} ms of the slowest
   */
  async #prepare(program) {
    const times = await Promise.all(
      this.#fitting(program).map(async (context) => {
        try {
          return (await prepareOn(context.handle, program)).ms;
        } catch (error) {
          if (error.code === 'ERR_COMPILE') throw error;
          // The program itself is right: its first job may fare better, or says so.
          this.parts.log.debug(
            { program: program.info.name, context: context.plan.id, reason: asGpuError(error).message },
            'a program could not be made ready',
          );
          return 0;
        }
      }),
    );
    return Math.max(0, ...times);
  }

  /** Loads what the last run has used, and makes it ready, within a few seconds. */
  async warmUp() {
    if (!this.folder || !this.parts.contexts().some(({ isReady }) => isReady)) return;
    const listed = native.loadWarmUp(this.folder);
    this.#tell(listed.problems);
    const ids = listed.ids.slice(0, this.parts.config.shaderCacheSize);
    const until = nowMs() + kWarmUpMs;
    let next = 0,
      ready = 0;
    const lane = async () => {
      while (next < ids.length && nowMs() < until) {
        const id = ids[next++];
        try {
          if (await this.#warm(id)) ++ready;
        } catch (error) {
          this.parts.log.debug(
            { program: id, reason: asGpuError(error).message },
            'a program of the last run could not be made ready',
          );
        }
      }
    };
    const lanes = Promise.all(Array.from({ length: kWarmUpLanes }, lane));
    await withinMs(lanes, kWarmUpMs);
    if (ids.length) this.parts.log.debug({ programs: ready, listed: ids.length }, 'programs of the last run are ready');
  }

  /** @param {string} id */
  async #warm(id) {
    const number = nextId();
    native.loadProgram(number, id, this.folder);
    const { handle, problems } = await track(number, undefined, undefined, (value) => value);
    this.#tell(problems);
    if (handle) await this.#prepare(handle);
    return handle !== null;
  }

  /** @param {string[]} problems with the folder, for the coordinator to tell */
  #tell(problems) {
    if (problems.length) this.parts.say({ type: 'program-problems', problems });
  }

  close() {
    this.#closed = true;
    for (const canceling of this.#compiling.values()) canceling.abort();
    for (const tensor of this.#sent.values()) tensor.release();
    this.#sent.clear();
  }
}

/**
 * @param {Promise<unknown>} promise
 * @param {number} ms after which it is waited for no more
 */
async function withinMs(promise, ms) {
  /** @type {NodeJS.Timeout|undefined} */
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
    timer.unref();
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

module.exports = { Compiler };
