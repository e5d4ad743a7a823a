// GPUClusterManager: one class for the primary process of a cluster, for each worker, and for a process that is alone.
'use strict';
const { EventEmitter } = require('node:events');
/** @type {import('node:cluster').Cluster} */
const cluster = /** @type {any} */ (require('node:cluster'));
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');
const { setTimeout, setImmediate, setInterval, clearInterval } = require('node:timers');
const { Requester, ContextRegistry, CoordinatorConnection, obtainFrom } = require('./worker');
const { Primary, Forks, Reports } = require('./primary');
const { askToJoin, answerJoining } = require('./wire');
const { createSharedTensor, openSharedTensor } = require('../call');
const { Programs, RenderStream } = require('../program');
const { makeOps } = require('./ops');
const { readConfig } = require('../config');
const { createLogger, GPUError, invalid, asGpuError, show, refuseUnknownKeys } = require('../core');

/** @typedef {'undecided'|'primary'|'worker'|'lone'} Role */

const kWorkerTimeoutMs = 5000; // for a worker to end when it was asked to
const kExitGraceMs = 300; // for Node's own end of a worker whose primary has gone
const kIdleMs = 10000; // without a job: then shared memory that nobody uses goes back to the system
const kPollMs = 5;
const kPollSlowMs = 20;
const kUsesMs = 2000; // between two reports of the programs used

class GPUClusterManager extends EventEmitter {
  /** @type {Role} */
  #role = 'undecided';
  #config;
  #log;
  #registry = new ContextRegistry();
  #requester;
  /** @type {CoordinatorConnection} */
  #connection;
  /** @type {import('./primary/primary').Primary|undefined} */
  #primary;
  /** @type {Reports|undefined} */
  #reports;
  /** @type {Forks|undefined} */
  #forks;
  /** @type {(() => void)[]} to be undone at the end */
  #undo = [];
  /** @type {Promise<void>} */
  #ready;
  /** @type {() => void} */
  #resolveReady = () => {};
  /** @type {(error: any) => void} */
  #rejectReady = () => {};
  /** @type {Promise<void>|undefined} */
  #closed;
  #draining = false;
  #programs;
  #workerId;

  /** @param {import('../index').ManagerOptions} [options] */
  constructor(options) {
    super();
    this.#config = readConfig(options);
    const isWorker = cluster.isWorker && isMainThread;
    this.#workerId = isWorker ? /** @type {import('node:cluster').Worker} */ (cluster.worker).id : 0;
    this.#log = createLogger(this.#config, isWorker ? { worker: this.#workerId } : {});
    this.#ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.#ready.catch(() => {}); // whoever waits for it gets it; nobody has to
    this.#requester = new Requester({
      workerId: this.#workerId,
      config: this.#config,
      registry: this.#registry,
      metrics: undefined,
      emitter: this,
    });
    this.#connection = new CoordinatorConnection({
      config: this.#config,
      log: this.#log,
      requester: this.#requester,
      registry: this.#registry,
      onEvent: (message) => this.#onEvent(message),
      onEnd: (how, reason) => this.#onCoordinatorGone(how, reason),
      onDismissed: (reason) => this.#onDismissed(reason),
    });
    /** The built-in workloads as functions: tensors in, tensor(s) out. */
    this.ops = makeOps((workload, jobOptions) => this.executeWorkload(workload, jobOptions));
    this.#programs = new Programs({
      limit: this.#config.shaderCacheSize,
      hotReload: this.#config.hotReload,
      countsUses: true,
      log: this.#log,
      emit: (name, event) => this.emit(name, event),
      closedError: () => this.#closedError(),
      obtain: (sources) => obtainFrom(this.#connection, sources, this.#config.timeout),
    });
    const uses = setInterval(() => this.#reportUses(), kUsesMs);
    uses.unref();
    this.#undo.push(() => clearInterval(uses));
    const idle = setInterval(() => this.#connection.trimIdle(), kIdleMs);
    idle.unref();
    this.#undo.push(() => clearInterval(idle));
    if (isWorker) this.#join();
    else this.#startPrimary();
  }

  // ---- becoming what it is

  async #join() {
    try {
      const invitation = process.connected ? await askToJoin() : undefined;
      if (this.#closed) return;
      if (invitation) {
        this.#role = 'worker';
        this.#connection.openThere(invitation);
        return;
      }
      process.emitWarning(
        'no coordinator in the primary process answered within a second: this worker runs its jobs alone. ' +
          'Call createGPUClusterManager() in the primary process, too',
        { type: 'SwitchyardWarning', code: 'SWITCHYARD_ALONE' },
      );
      this.#startPrimary();
      this.#becomeStandalone();
    } catch (error) {
      this.#fail(asGpuError(error));
    }
  }

  #startPrimary() {
    const primary = (this.#primary = new Primary({
      config: this.#config,
      log: this.#log,
      emit: (name, event) => {
        if (this.#role === 'primary' && this.listenerCount(name)) this.emit(name, event());
      },
    }));
    this.#reports = new Reports({
      primary,
      config: this.#config,
      isDraining: () => this.#draining,
      isDegraded: () => this.#forks?.degraded ?? false,
    });
    primary.describe = () => /** @type {Reports} */ (this.#reports).contexts();
    primary.answer = (report) => this.#reports?.give(report);
    primary.onGone = () => this.#checkReady();
    const { member, fd } = primary.membership.addSelf(this.#workerId);
    this.#connection.openHere(fd, member.pageRegion);
    if (cluster.isWorker || !isMainThread) return;
    // The workers of a process that ends on purpose end as quietly.
    const onExit = () => primary.close();
    process.prependListener('exit', onExit);
    this.#undo.push(() => process.removeListener('exit', onExit));
    this.#undo.push(
      answerJoining(
        (workerId, pid, hello) => {
          this.#becomePrimary();
          this.#forks?.joined(workerId);
          return primary.membership.invite(workerId, pid, hello);
        },
        (pid) => primary.membership.processEnded(pid),
      ),
    );
    const onFork = () => this.#becomePrimary();
    cluster.on('fork', onFork);
    this.#undo.push(() => cluster.removeListener('fork', onFork));
    if (this.#config.workers) this.#fork(this.#config.workers);
    else if (Object.keys(cluster.workers ?? {}).length) this.#becomePrimary();
  }

  /** @param {number} count */
  #fork(count) {
    this.#becomePrimary();
    const exec = path.resolve(this.#config.exec ?? path.join(__dirname, 'worker-main.js'));
    this.#forks = new Forks({
      count,
      exec,
      isOurs: this.#config.exec === undefined,
      log: this.#log,
      onFailedStart: () => this.#primary?.membership.countRestart('start'),
    });
    const onSignal = (/** @type {NodeJS.Signals} */ signal) => this.#onSignal(signal);
    for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGTERM', 'SIGINT'])) {
      process.on(signal, onSignal);
      this.#undo.push(() => process.removeListener(signal, onSignal));
    }
  }

  /**
   * Drains; then the signal does what it would have done, unless the application listens to it as well.
   * @param {NodeJS.Signals} signal
   */
  #onSignal(signal) {
    const others = process.listenerCount(signal) - 1;
    if (this.#draining && !others) process.exit(signal === 'SIGINT' ? 130 : 143);
    this.#log.info({ signal }, 'draining');
    this.close({ drain: true }).finally(() => {
      if (!others) process.kill(process.pid, signal);
    });
  }

  /** This process has workers: it coordinates, and never opens a device. */
  #becomePrimary() {
    if (this.#role === 'primary') return;
    if (this.#role === 'lone')
      this.#log.warn('this process has opened contexts of its own before it forked workers: they stay');
    this.#role = 'primary';
  }

  /** Nobody else is there: the jobs run in this process. */
  #becomeStandalone() {
    if (this.#role !== 'undecided' || !this.#primary) return;
    this.#role = 'lone';
    this.#connection.startExecutor(this.#primary.membership.addOwnExecutor(), false);
  }

  /** At the first need: an application that forks does so right after it made its manager. */
  #decide() {
    if (this.#role !== 'undecided' || cluster.isWorker || this.#decidesSoon) return;
    this.#decidesSoon = true;
    setImmediate(() => {
      if (!this.#closed) this.#becomeStandalone();
    });
  }

  #decidesSoon = false;
  #closedBecause = 'the manager is closed';

  /** @param {GPUError} error */
  #fail(error) {
    this.#rejectReady(error);
    this.#requester.end(error);
    this.#connection.fail(error);
  }

  #reportUses() {
    const uses = this.#programs.takeUses();
    if (uses) this.#connection.say({ type: 'program-uses', uses });
  }

  // ---- what happens

  /** @param {import('./wire/messages').EventMessage} message */
  #onEvent({ name, event }) {
    if (name === 'worker-ready') {
      this.#forks?.ready(event.workerId);
      this.#checkReady();
    }
    this.emit(name, event);
  }

  /** Ready: a context is there for this process's jobs; and in a cluster of its own, all workers. */
  #checkReady() {
    const contexts = this.#primary ? this.#primary.contexts.list.length : this.#registry.entries.length;
    if (this.#role === 'lone') {
      if (contexts) this.#resolveReady();
      else
        this.#fail(
          new GPUError(
            'ERR_UNSUPPORTED',
            'no context could be opened in this process: `npx switchyard doctor` says what is missing',
          ),
        );
    } else if (this.#forks) {
      const ready = this.#primary?.workers.filter(({ state, slot }) => slot > 0 && state === 'ready').length ?? 0;
      if (ready >= this.#forks.count) this.#resolveReady();
    } else if (contexts) {
      this.#resolveReady();
    }
  }

  /**
   * @param {import('./worker/coordinator-connection').ConnectionEnd} how
   * @param {string} reason
   */
  #onCoordinatorGone(how, reason) {
    this.#rejectReady(new GPUError(how === 'closed' ? 'ERR_CLOSED' : 'ERR_WORKER_LOST', 'the coordinator has gone'));
    if (this.#closed) return;
    if (how === 'lost') {
      this.#log.error('the primary process has ended: this worker ends, too');
      setTimeout(() => process.exit(1), kExitGraceMs);
      return;
    }
    this.#closedBecause =
      how === 'closed'
        ? 'the cluster was closed: the manager of its primary process was'
        : `this process has left the cluster: ${reason}`;
    this.#programs.close();
    this.#closed = this.#connection.close().then(() => this.#end());
    // A worker that only runs jobs has nothing left to do.
    if (process.argv[1] === path.join(__dirname, 'worker-main.js'))
      this.#closed.then(() => process.exit(how === 'closed' ? 0 : 1));
  }

  /** @param {string} reason */
  async #onDismissed(reason) {
    this.#log.error({ reason }, 'this worker is to be replaced');
    this.#connection.drain();
    const until = Date.now() + kWorkerTimeoutMs / 2;
    const runs = () =>
      this.#connection.pool?.contexts.some(
        (context) => !context.isLost && (context.localPending || context.remotePending),
      );
    while (Date.now() < until && (this.#requester.waiting || runs()))
      await new Promise((resolve) => {
        setTimeout(resolve, kPollSlowMs);
      });
    // The application may have something to see to.
    process.kill(
      process.pid,
      process.listenerCount('SIGTERM') && process.argv[1] !== path.join(__dirname, 'worker-main.js')
        ? 'SIGTERM'
        : 'SIGKILL',
    );
  }

  // ---- the interface

  /** Resolves when jobs find a context; jobs given earlier wait in the queue. */
  get ready() {
    this.#decide();
    return this.#ready;
  }

  /** @returns {Role} */
  get role() {
    return this.#role;
  }

  /**
   * @param {any} workload
   * @param {any} [options]
   * @returns {Promise<any>}
   */
  executeWorkload(workload, options) {
    if (this.#closed || this.#draining) return Promise.reject(this.#closedError());
    if (this.#role === 'undecided') this.#decide();
    return this.#requester.execute(workload, options);
  }

  /**
   * Compiles a compute kernel once for the whole cluster.
   * @param {any} options { name, glsl?, spirv?, cuda?, bindings? }
   * @returns {Promise<import('../call/program').Kernel>}
   */
  compileKernel(options) {
    if (this.#closed || this.#draining) return Promise.reject(this.#closedError());
    if (this.#role === 'undecided') this.#decide();
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
    if (this.#closed || this.#draining) return Promise.reject(this.#closedError());
    if (this.#role === 'undecided') this.#decide();
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
    this.#connection.announce();
    return tensor;
  }

  /** @param {any} handle */
  openTensor(handle) {
    this.#checkOpen();
    return openSharedTensor(handle);
  }

  /** @returns {import('../index').ContextInfo[]} */
  contexts() {
    if (this.#closed) return [];
    const all = this.#reports && this.#role !== 'worker' ? this.#reports.contexts() : this.#registry.entries;
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
    this.#connection.trim();
    this.#connection.say({ type: 'cleanup' });
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
    this.#draining = true;
    this.#reportUses();
    return (this.#closed ??= this.#close(drain, timeout));
  }

  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  // ---- inside

  #checkOpen() {
    if (this.#closed) throw this.#closedError();
  }

  #closedError() {
    return new GPUError('ERR_CLOSED', this.#closedBecause);
  }

  /**
   * Of this process's primary, or of the cluster's.
   * @template T
   * @param {import('./wire/messages').Report} report
   * @returns {Promise<T>}
   */
  async #ask(report) {
    this.#checkOpen();
    return this.#reports ? /** @type {any} */ (this.#reports.give(report)) : this.#connection.query(report);
  }

  /**
   * @param {boolean} drain
   * @param {number} timeout
   */
  async #close(drain, timeout) {
    const until = Date.now() + timeout;
    const primary = this.#primary;
    const closed = new GPUError('ERR_CLOSED', 'the manager was closed before the job was done');
    if (drain && this.#role === 'undecided' && !this.#requester.waiting) this.#requester.end(closed);
    if (primary) {
      // What never ends is waited for by this process, which is alone, and by its coordinator.
      const unsettled = () =>
        primary.coordinator.unsettled +
        this.#requester.waiting +
        this.#requester.running -
        2 * primary.coordinator.givenUp;
      if (drain) await settled(unsettled, until);
      primary.coordinator.closing = true;
      primary.coordinator.rejectAll();
      this.#requester.cut(closed);
      // They are told to stop before their contexts go; that takes a moment.
      await settled(
        () => primary.coordinator.unsettled + this.#requester.running - primary.coordinator.givenUp,
        Date.now() + this.#config.contextSwitchTimeout,
      );
    } else {
      if (drain) await settled(() => this.#requester.waiting + this.#requester.running, until);
      this.#connection.drain();
      this.#requester.cut(closed);
      await settled(
        () =>
          Number(
            this.#connection.pool?.contexts.some(
              ({ remotePending, localPending }) => remotePending + localPending > 0,
            ) ?? false,
          ),
        until,
      );
    }
    this.#requester.end(closed);
    this.#rejectReady(closed);
    this.#programs.close();
    await this.#connection.close();
    primary?.close();
    await this.#forks?.end(kWorkerTimeoutMs);
    this.#end();
  }

  #end() {
    for (const undo of this.#undo.splice(0)) undo();
    if (current === this) current = undefined;
  }
}

/**
 * Waits until nothing is left, or the time is up.
 * @param {() => number} left
 * @param {number} until
 */
async function settled(left, until) {
  while (left() > 0 && Date.now() < until)
    await new Promise((resolve) => {
      setTimeout(resolve, kPollMs);
    });
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
