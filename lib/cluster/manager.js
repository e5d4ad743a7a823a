// GPUClusterManager: one class for the primary process of a cluster, for each worker, and for a process that is alone.
// What it is given is checked here; what it is in its cluster, and its start and end, are in process/.
'use strict';
const { setInterval, clearInterval } = require('node:timers');
const { ClusterProcess } = require('./process');
const { obtainFrom, publicContext } = require('./worker');
const { createSharedTensor, openSharedTensor, setPrecision, leavePrecision } = require('../call');
const { Programs, RenderStream } = require('../program');
const { askOf, knowInside, ManagerReports } = require('./manager-reports');
const { makeOps } = require('./ops');
const { readConfig, checkSameConfig } = require('../config');
const { takeLogger, invalid, show, refuseUnknownKeys, tell } = require('../core');

/** @typedef {import('../core/errors').GPUError} GPUError */
/** @typedef {import('../call/shared-tensor').SharedTensor} SharedTensor */

const kUsesMs = 2000; // between two reports of the programs used

/** @type {(manager: GPUClusterManager) => import('./manager-models').Inside} */
let insideOf;

class GPUClusterManager extends ManagerReports {
  static {
    insideOf = (manager) => ({ ...manager.#process.inside, checkOpen: () => manager.#checkOpen() });
  }

  #config;
  #process;
  #requester; // the process's: a job gets there without a detour
  #programs;
  #usesTimer;

  /**
   * @param {import('../index').ManagerOptions & { logger?: import('../index').GPULogger }} [options]
   * @throws {GPUError} ERR_INVALID_ARGUMENT: a setting that can't be right
   */
  constructor(options) {
    super();
    const { logger, settings } = takeLogger(options);
    this.#config = readConfig(settings);
    this.#process = new ClusterProcess({
      config: this.#config,
      logger,
      emitter: this,
      onClosing: () => this.#reportUses(),
      onEnding: () => this.#programs.close(),
      onEnded: () => this.#onEnded(),
    });
    this.#requester = this.#process.requester;
    knowInside(this, { here: this.#process, checkOpen: () => this.#checkOpen() });
    setPrecision(this.#config.precision, this);
    /** The built-in workloads as functions: tensors in, tensor(s) out. */
    this.ops = makeOps((workload, jobOptions) => this.executeWorkload(workload, jobOptions));
    this.#programs = new Programs({
      limit: this.#config.shaderCacheSize,
      hotReload: this.#config.hotReload,
      countsUses: true,
      log: this.#process.log,
      emit: (name, event) => tell(this, name, event),
      closedError: () => this.#process.closedError(),
      obtain: (sources) => obtainFrom(this.#process.connection, sources, this.#config.timeout),
    });
    this.#usesTimer = setInterval(() => this.#reportUses(), kUsesMs);
    this.#usesTimer.unref();
    this.#process.start();
  }

  /**
   * Resolves when jobs find a context; jobs given earlier wait in the queue.
   * @returns {Promise<void>}
   * @throws {GPUError} (rejects with) ERR_CLOSED: it was closed before; ERR_WORKER_LOST: the coordinator has gone;
   *   ERR_UNSUPPORTED: no context could be opened here; ERR_OUT_OF_MEMORY: the same, for want of memory or addresses
   * @example await manager.ready;
   */
  get ready() {
    this.#process.decide();
    return this.#process.ready;
  }

  /**
   * What this process is. 'lone': there is no cluster.
   * @returns {import('./process/cluster-process').Role}
   * @example if (manager.role === 'primary') startServer(manager);
   */
  get role() {
    return this.#process.role;
  }

  /**
   * Runs a workload on whichever context suits best: a built-in one, a graph, a kernel or a picture.
   * @param {unknown} workload { type, inputs, params, id } and the like: see Workload, GraphWorkload, KernelWorkload,
   *   ShaderWorkload and SceneWorkload in lib/index.d.ts
   * @param {import('../index').JobOptions} [options] priority, timeout, signal, contextType, affinity, cache, into
   * @returns {Promise<import('../index').GPUResult>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT, with the `argument` where it is known;
   *   ERR_UNKNOWN_WORKLOAD; ERR_UNSUPPORTED; ERR_OUT_OF_MEMORY; ERR_COMPILE; ERR_DEVICE_LOST; ERR_WORKER_LOST;
   *   ERR_QUEUE_FULL, with `retryAfter`; ERR_TIMEOUT and ERR_CANCELED, with `released`; ERR_CLOSED
   * @example const { outputs } = await manager.executeWorkload({ type: 'normalize', inputs: { input } });
   */
  executeWorkload(workload, options) {
    const here = this.#process;
    if (here.closed || here.isDraining) return Promise.reject(here.closedError());
    if (here.role === 'undecided') here.decide();
    return this.#requester.execute(workload, options);
  }

  /**
   * Compiles a compute kernel once for the whole cluster.
   * @param {unknown} options { name, glsl?, spirv?, cuda?, bindings? }: see KernelOptions in lib/index.d.ts
   * @returns {Promise<import('../call/program').Kernel>}
   * @throws {GPUError} (rejects with) ERR_COMPILE, with the compiler's `log`, `line` and `column`; ERR_WORKER_LOST: the
   *   source took two workers down; ERR_TIMEOUT: there was no coordinator in time; ERR_INVALID_ARGUMENT;
   *   ERR_UNSUPPORTED; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example const kernel = await manager.compileKernel({ name: 'recency', glsl: { file: 'recency.comp' } });
   */
  compileKernel(options) {
    const here = this.#process;
    if (here.closed || here.isDraining) return Promise.reject(here.closedError());
    if (here.role === 'undecided') here.decide();
    return this.#programs.compileKernel(options);
  }

  /**
   * Compiles a vertex and a fragment shader once for the whole cluster.
   * @param {unknown} name
   * @param {unknown} vertex GLSL, or { file }
   * @param {unknown} fragment
   * @returns {Promise<import('../call/program').Shader>}
   * @throws {GPUError} (rejects with) as compileKernel()
   * @example const shader = await manager.compileShader('disc', vertexSource, fragmentSource);
   */
  compileShader(name, vertex, fragment) {
    const here = this.#process;
    if (here.closed || here.isDraining) return Promise.reject(here.closedError());
    if (here.role === 'undecided') here.decide();
    return this.#programs.compileShader(name, vertex, fragment);
  }

  /**
   * Frames of a render workload at a rate: what isn't ready in time is dropped.
   * @param {unknown} workload a picture, or a function of (time, frame) that gives one: see StreamedWorkload in
   *   lib/index.d.ts
   * @param {unknown} [options] { fps, signal, inFlight }
   * @returns {RenderStream}
   * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_CLOSED; who waits for a frame gets what executeWorkload() throws
   * @example for await (const { image } of manager.renderStream(scene, { fps: 30 })) show(image);
   */
  renderStream(workload, options = {}) {
    this.#checkOpen();
    return new RenderStream(workload, options, {
      execute: (each, jobOptions) => this.executeWorkload(each, jobOptions),
      fps: this.#config.targetFps,
    });
  }

  /**
   * Zeros in memory that every process of the cluster can see.
   * @param {readonly number[]} shape
   * @param {import('../index').DType} [dtype] float32 when left out
   * @returns {SharedTensor}
   * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY, ERR_UNSUPPORTED, ERR_CLOSED
   * @example const base = manager.sharedTensor([1000, 384]);
   */
  sharedTensor(shape, dtype) {
    this.#checkOpen();
    const tensor = createSharedTensor(shape, dtype);
    this.#process.connection.announce();
    return tensor;
  }

  /**
   * Opens a tensor that another process has made; waits for its memory to be known here, 2 s at most.
   * @param {unknown} handle what its .handle was, or the JSON of it
   * @returns {SharedTensor}
   * @throws {GPUError} ERR_INVALID_ARGUMENT: that is no handle; ERR_UNSUPPORTED; ERR_CLOSED: the tensor is gone, or the
   *   manager closed
   * @example const vectors = manager.openTensor(handle); // base.handle, sent by the process that made base
   */
  openTensor(handle) {
    this.#checkOpen();
    return openSharedTensor(handle);
  }

  /**
   * Gives a tensor a name, under which every process of the cluster finds it, whatever becomes of this one: a
   * SharedTensor is sealed and stays yours, another tensor is copied. Publishing again swaps it, in the order of calls.
   * @param {string} name 1 to 200 bytes
   * @param {SharedTensor|import('../index').TensorLike} tensor
   * @param {import('../index').PublishOptions} [options]
   * @returns {Promise<{ name: string, version: number }>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY: it goes beyond `limit`, too; ERR_CLOSED:
   *   the tensor was released, or the manager closed; ERR_WORKER_LOST: the coordinator has gone; ERR_UNSUPPORTED
   * @example await manager.publish('base', shared);
   */
  async publish(name, tensor, options) {
    this.#checkOpen();
    return this.#process.names.publish(name, tensor, options);
  }

  /**
   * The current version of a named tensor: sealed, and held until release() or close(), whatever happens to the name.
   * @param {string} name
   * @returns {Promise<SharedTensor>}
   * @throws {GPUError} (rejects with) ERR_NOT_FOUND; ERR_INVALID_ARGUMENT; ERR_CLOSED; ERR_WORKER_LOST: the coordinator
   *   has gone; ERR_OUT_OF_MEMORY; ERR_UNSUPPORTED
   * @example const base = await manager.lookup('base');
   */
  async lookup(name) {
    this.#checkOpen();
    return this.#process.names.lookup(name);
  }

  /**
   * Takes a name away; who has looked its tensor up keeps that.
   * @param {string} name
   * @returns {Promise<boolean>} whether there was one
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_CLOSED; ERR_WORKER_LOST: the coordinator has gone
   * @example await manager.unpublish('base');
   */
  async unpublish(name) {
    this.#checkOpen();
    return this.#process.names.unpublish(name);
  }

  /**
   * The contexts of all workers; none once the manager is closed.
   * @returns {import('../index').ContextInfo[]}
   * @example const ready = manager.contexts().filter(({ state }) => state === 'ready');
   */
  contexts() {
    return this.#process.contexts().map(publicContext);
  }

  /**
   * The jobs under way in the whole cluster: how long, where, what each will cost, and why one waits.
   * @returns {Promise<import('../index').JobInfo[]>}
   * @throws {GPUError} (rejects with) ERR_CLOSED: the manager or its cluster is closed
   * @example for (const { id, type, state, reason } of await manager.jobs()) console.log(id, type, state, reason);
   */
  async jobs() {
    return askOf(this, { what: 'jobs' });
  }

  /**
   * The steps and waits of a job, in plain words: of one under way, or of the last 10,000 that ended.
   * @param {string} id of several jobs with it, of the one that was asked for last
   * @returns {Promise<string[]>}
   * @throws {GPUError} (rejects with) ERR_NOT_FOUND: no such job was asked for, or it is none of the last 10,000;
   *   ERR_INVALID_ARGUMENT: the id is no string; ERR_CLOSED: the manager or its cluster is closed
   * @example console.log((await manager.why(error.workloadId)).join('\n'));
   */
  async why(id) {
    if (typeof id !== 'string')
      throw invalid(`why: the id is ${show(id)}, but must be a string: a result's or an error's workloadId`, 'id');
    return askOf(this, { what: 'why', id });
  }

  /**
   * Gives unused memory back, in every process of the cluster: what helps after ERR_OUT_OF_MEMORY.
   * @example manager.cleanup();
   */
  cleanup() {
    this.#process.connection.trim();
    this.#process.connection.say({ type: 'cleanup' });
  }

  /**
   * Finishes what was given, and ends. In the primary it ends the cluster for all.
   * @param {{ drain?: boolean, timeout?: number }} [options] drain: jobs that were given are finished first (the
   *   default); timeout: how long that may take, in ms
   * @returns {Promise<void>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: an option that can't be right
   * @example await manager.close({ timeout: 10_000 });
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

  /**
   * As close(), for `await using`.
   * @returns {Promise<void>}
   * @example await using manager = createGPUClusterManager();
   */
  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  // ---- inside

  #checkOpen() {
    if (this.#process.closed) throw this.#process.closedError();
  }

  #reportUses() {
    const uses = this.#programs.takeUses();
    if (uses) this.#process.connection.say({ type: 'program-uses', uses });
  }

  #onEnded() {
    clearInterval(this.#usesTimer);
    leavePrecision(this);
    if (current === this) current = undefined;
  }
}

/** @type {GPUClusterManager|undefined} a process has one at a time: contexts and workers are not made twice */
let current;

/**
 * The manager of this process: made by the first call, given again by the others until it is closed.
 * @param {import('../index').ManagerOptions & { logger?: import('../index').GPULogger }} [options]
 * @returns {GPUClusterManager}
 * @throws {GPUError} ERR_INVALID_ARGUMENT: a setting that can't be right, with where it stands; an option that is not
 *   what it was in the first call
 * @example const manager = createGPUClusterManager({ workers: 2 });
 */
function createGPUClusterManager(options) {
  if (!current) current = new GPUClusterManager(options);
  else if (options !== undefined) {
    const { config, logger } = insideOf(current);
    const wanted = takeLogger(options);
    if (wanted.logger !== undefined && wanted.logger !== logger)
      throw invalid('logger is another one than in the first call in this process, which has one manager', 'logger');
    checkSameConfig(config, wanted.settings);
  }
  return current;
}

/** This process's, if it has one. */
const currentManager = () => current;

module.exports = { GPUClusterManager, createGPUClusterManager, currentManager, insideOf };
