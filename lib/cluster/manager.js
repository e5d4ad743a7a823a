// GPUClusterManager: one class for the primary process of a cluster, for each worker, and for a process that is alone.
// What it is given is checked here; what it is in its cluster, and its start and end, are in process/.
'use strict';
const { EventEmitter } = require('node:events');
const { setInterval, clearInterval } = require('node:timers');
const { ClusterProcess } = require('./process');
const { obtainFrom } = require('./worker');
const { createSharedTensor, openSharedTensor } = require('../call');
const { Programs, RenderStream } = require('../program');
const { makeOps } = require('./ops');
const { readConfig } = require('../config');
const { invalid, show, refuseUnknownKeys } = require('../core');

/** @typedef {import('./process/cluster-process').Role} Role */

const kUsesMs = 2000; // between two reports of the programs used

class GPUClusterManager extends EventEmitter {
  #config;
  #process;
  #requester; // the process's: a job gets there without a detour
  #programs;
  #usesTimer;

  /** @param {import('../index').ManagerOptions} [options] */
  constructor(options) {
    super();
    this.#config = readConfig(options);
    this.#process = new ClusterProcess({
      config: this.#config,
      emitter: this,
      onClosing: () => this.#reportUses(),
      onEnding: () => this.#programs.close(),
      onEnded: () => this.#onEnded(),
    });
    this.#requester = this.#process.requester;
    /** The built-in workloads as functions: tensors in, tensor(s) out. */
    this.ops = makeOps((workload, jobOptions) => this.executeWorkload(workload, jobOptions));
    this.#programs = new Programs({
      limit: this.#config.shaderCacheSize,
      hotReload: this.#config.hotReload,
      countsUses: true,
      log: this.#process.log,
      emit: (name, event) => this.emit(name, event),
      closedError: () => this.#process.closedError(),
      obtain: (sources) => obtainFrom(this.#process.connection, sources, this.#config.timeout),
    });
    this.#usesTimer = setInterval(() => this.#reportUses(), kUsesMs);
    this.#usesTimer.unref();
    this.#process.start();
  }

  /** Resolves when jobs find a context; jobs given earlier wait in the queue. */
  get ready() {
    this.#process.decide();
    return this.#process.ready;
  }

  /** @returns {Role} */
  get role() {
    return this.#process.role;
  }

  /**
   * @param {any} workload
   * @param {any} [options]
   * @returns {Promise<any>}
   */
  executeWorkload(workload, options) {
    const here = this.#process;
    if (here.closed || here.isDraining) return Promise.reject(here.closedError());
    if (here.role === 'undecided') here.decide();
    return this.#requester.execute(workload, options);
  }

  /**
   * Compiles a compute kernel once for the whole cluster.
   * @param {any} options { name, glsl?, spirv?, cuda?, bindings? }
   * @returns {Promise<import('../call/program').Kernel>}
   */
  compileKernel(options) {
    const here = this.#process;
    if (here.closed || here.isDraining) return Promise.reject(here.closedError());
    if (here.role === 'undecided') here.decide();
    return this.#programs.compileKernel(options);
  }

  /**
   * Compiles a vertex and a fragment shader once for the whole cluster.
   * @param {string} name
   * @param {any} vertex
   * @param {any} fragment
   * @returns {Promise<import('../call/program').Shader>}
   */
  compileShader(name, vertex, fragment) {
    const here = this.#process;
    if (here.closed || here.isDraining) return Promise.reject(here.closedError());
    if (here.role === 'undecided') here.decide();
    return this.#programs.compileShader(name, vertex, fragment);
  }

  /**
   * Frames of a render workload at a rate: what isn't ready in time is dropped.
   * @param {any} workload
   * @param {any} [options] { fps, signal, inFlight }
   */
  renderStream(workload, options = {}) {
    this.#checkOpen();
    return new RenderStream(workload, options, {
      execute: (each, jobOptions) => this.executeWorkload(each, jobOptions),
      fps: this.#config.targetFps,
    });
  }

  /**
   * @param {readonly number[]} shape
   * @param {import('../index').DType} [dtype]
   */
  sharedTensor(shape, dtype) {
    this.#checkOpen();
    const tensor = createSharedTensor(shape, dtype);
    this.#process.connection.announce();
    return tensor;
  }

  /** @param {any} handle */
  openTensor(handle) {
    this.#checkOpen();
    return openSharedTensor(handle);
  }

  /** @returns {import('../index').ContextInfo[]} */
  contexts() {
    const { closed, role, coordination, registry } = this.#process;
    if (closed) return [];
    const all = coordination && role !== 'worker' ? coordination.reports.contexts() : registry.entries;
    return all.map(
      ({
        id,
        workerId,
        contextType,
        device,
        state,
        isActive,
        lastUsed,
        memoryUsage,
        memoryLimit,
        shaderCount,
        jobsRun,
      }) => ({
        id,
        workerId,
        contextType,
        device,
        state,
        isActive,
        lastUsed,
        memoryUsage,
        memoryLimit,
        shaderCount,
        jobsRun,
      }),
    );
  }

  /** @returns {Promise<import('../index').GPUClusterMetrics>} */
  async getMetrics() {
    return this.#ask({ what: 'metrics' });
  }

  /** @returns {Promise<import('../index').ClusterHealth>} */
  async health() {
    return this.#ask({ what: 'health' });
  }

  /** The metrics as Prometheus reads them. @returns {Promise<string>} */
  async prometheus() {
    return this.#ask({ what: 'prometheus' });
  }

  /**
   * @param {string} deviceId
   * @returns {Promise<import('../index').MemoryStats>}
   */
  async memoryStats(deviceId) {
    if (typeof deviceId !== 'string')
      throw invalid(`memoryStats: the device is ${show(deviceId)}, but must be its id, 'cpu:0' for example`);
    return this.#ask({ what: 'memory', device: deviceId });
  }

  /** Gives unused memory back, in every process of the cluster: what helps after ERR_OUT_OF_MEMORY. */
  cleanup() {
    this.#process.connection.trim();
    this.#process.connection.say({ type: 'cleanup' });
  }

  /**
   * @param {{ drain?: boolean, timeout?: number }} [options] drain: jobs that were given are finished first (the
   *   default); timeout: how long that may take, in ms
   * @returns {Promise<void>}
   */
  close(options = {}) {
    if (options === null || typeof options !== 'object')
      return Promise.reject(invalid(`close()'s options are ${show(options)}, but must be an object`));
    try {
      refuseUnknownKeys(options, new Set(['drain', 'timeout']), 'option of close()');
    } catch (error) {
      return Promise.reject(error);
    }
    const { drain = true, timeout = this.#config.timeout } = options;
    return this.#process.close(drain, timeout);
  }

  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  // ---- inside

  #checkOpen() {
    if (this.#process.closed) throw this.#process.closedError();
  }

  /**
   * Asks this process's coordinator, or the cluster's.
   * @template T
   * @param {import('./wire/messages').Report} report
   * @returns {Promise<T>}
   */
  async #ask(report) {
    this.#checkOpen();
    const { coordination, connection } = this.#process;
    return coordination ? /** @type {any} */ (coordination.reports.give(report)) : connection.query(report);
  }

  #reportUses() {
    const uses = this.#programs.takeUses();
    if (uses) this.#process.connection.say({ type: 'program-uses', uses });
  }

  #onEnded() {
    clearInterval(this.#usesTimer);
    if (current === this) current = undefined;
  }
}

/** @type {GPUClusterManager|undefined} a process has one at a time: contexts and workers are not made twice */
let current;

/**
 * The manager of this process: made by the first call, given again by the others until it is closed.
 * @param {import('../index').ManagerOptions} [options]
 * @returns {GPUClusterManager}
 */
function createGPUClusterManager(options) {
  if (!current) current = new GPUClusterManager(options);
  // what is wrong is refused, the rest was decided by the first call
  else if (options !== undefined) readConfig(options);
  return current;
}

module.exports = { GPUClusterManager, createGPUClusterManager };
