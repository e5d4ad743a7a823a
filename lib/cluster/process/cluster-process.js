// One process of a cluster: becomes a worker of the primary process's coordinator, a coordinator itself, or both in one
// where nobody else is there; knows when it is ready, and ends.
'use strict';
/** @type {import('node:cluster').Cluster} */
const cluster = /** @type {import('node:cluster').Cluster} */ (/** @type {unknown} */ (require('node:cluster')));
const { isMainThread } = require('node:worker_threads');
const { setTimeout, setImmediate, setInterval, clearInterval } = require('node:timers');
const {
  makeRequester,
  ContextRegistry,
  CoordinatorConnection,
  NamedTensors,
  ProgressEvents,
  SharedResources,
} = require('../worker');
const { askToJoin } = require('../wire');
const { Coordination, kWorkerMain } = require('./coordination');
const { endCoordinated, endWorker, leave } = require('./ending');
const { flushTraces, tracingOf } = require('../../tracing');
const { ProcessOperations } = require('./process-operations');
const { createLogger, useLogger, GPUError, asGpuError, nowMs, tell, Listened } = require('../../core');

/** @typedef {'undecided'|'primary'|'worker'|'lone'} Role 'lone': standalone, there is no cluster */
/**
 * @typedef {object} ProcessParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../index').GPULogger} [logger] the application's, instead of our own
 * @property {import('../../core/listened').Listened} emitter that tells the application
 * @property {() => void} onClosing no more jobs are taken, those that were may be finished
 * @property {() => void} onEnding nothing is finished any more, and programs cannot be used
 * @property {() => void} onEnded everything was given back
 */

const kWorkerTimeoutMs = 5000; // for a worker to end when it was asked to
const kExitGraceMs = 300; // for Node's own end of a worker whose primary has gone
const kKeptMs = 2000; // for results on their way to slower tiers, at the end
const kIdleMs = 10000; // without a job: then shared memory that nobody uses goes back to the system

class ClusterProcess {
  /** @type {Role} */
  role = 'undecided';
  /** No more jobs are taken: those that were are finished first. */
  isDraining = false;
  /** @type {Promise<void>|undefined} the end, once it has begun */
  closed;
  /** @type {Coordination|undefined} */
  coordination;
  /** @type {() => void} */
  #resolveReady = () => {};
  /** @type {(error: unknown) => void} */
  #rejectReady = () => {};
  #idleTimer;
  #decidesSoon = false;
  #closedBecause = 'the manager is closed';

  /** @param {ProcessParts} parts */
  constructor(parts) {
    const { config, emitter, logger } = parts;
    this.parts = parts;
    this.isWorker = cluster.isWorker && isMainThread;
    this.workerId = this.isWorker ? /** @type {import('node:cluster').Worker} */ (cluster.worker).id : 0;
    const fields = this.isWorker ? { worker: this.workerId } : {};
    this.log = logger ? useLogger(logger, config.logLevel, fields) : createLogger(config, fields);
    /** @type {Promise<void>} resolves when jobs find a context */
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ready.catch(() => {}); // whoever waits for it gets it; nobody has to
    this.registry = new ContextRegistry();
    const { log, registry, workerId } = this;
    const asking = { workerId, config, log, registry, metrics: undefined, emitter };
    this.requester = makeRequester(asking, tracingOf(config));
    this.connection = new CoordinatorConnection({
      config,
      log: this.log,
      requester: this.requester,
      registry: this.registry,
      onEvent: (message) => this.#onEvent(message),
      onTold: (message) => this.#onTold(message),
      onEnd: (how, reason) => this.#onCoordinatorGone(how, reason),
      onDismissed: (reason) => this.#onDismissed(reason),
    });
    this.requester.askForTargets((question) => this.#splitTargets(question));
    this.names = new NamedTensors(this.connection);
    this.resources = new SharedResources(this.connection);
    this.operations = new ProcessOperations(this.requester, this.connection);
    this.progress = new ProgressEvents({
      emitter,
      requester: this.requester,
      ask: () => this.connection.query({ what: 'progress' }),
    });
    Listened.whenHeard(emitter, 'progress', () => !this.closed && this.progress.begin());
    this.#idleTimer = setInterval(() => this.connection.trimIdle(), kIdleMs);
    this.#idleTimer.unref();
  }

  // ---- becoming what it is

  start() {
    if (this.isWorker) this.#join();
    else this.#startCoordination();
  }

  async #join() {
    try {
      const invitation = process.connected ? await askToJoin() : undefined;
      if (this.closed) return;
      if (invitation) {
        this.role = 'worker';
        this.connection.openThere(invitation);
        return;
      }
      process.emitWarning(
        'no coordinator in the primary process answered in time: this worker runs its jobs alone. ' + howTogether(),
        { type: 'SwitchyardWarning', code: 'SWITCHYARD_ALONE' },
      );
      this.#startCoordination();
      this.#becomeStandalone();
    } catch (error) {
      this.#fail(asGpuError(error));
    }
  }

  #startCoordination() {
    const { config, emitter } = this.parts;
    this.coordination = new Coordination({
      config,
      log: this.log,
      emit: (name, event) => {
        if (this.role === 'primary' && emitter.listenerCount(name)) tell(emitter, name, event());
      },
      isDraining: () => this.isDraining,
      onGone: () => this.#checkReady(),
      onWorkers: () => this.#becomePrimary(),
      close: () => this.close(true, config.timeout),
    });
    const { member, fd } = this.coordination.primary.membership.addSelf(this.workerId);
    this.connection.openHere(fd, member.pageRegion);
    if (!cluster.isWorker && isMainThread) this.coordination.takeWorkers();
  }

  /** This process has workers: it coordinates, and never opens a device. */
  #becomePrimary() {
    if (this.role === 'primary') return;
    if (this.role === 'lone')
      this.log.warn('this process has opened contexts of its own before it forked workers: they stay');
    this.role = 'primary';
    this.connection.lend(false);
  }

  /** Nobody else is there: the jobs run in this process. */
  #becomeStandalone() {
    if (this.role !== 'undecided' || !this.coordination) return;
    this.role = 'lone';
    this.connection.lend(true);
    this.connection.startExecutor(this.coordination.primary.membership.addOwnExecutor(), false);
  }

  /**
   * Whether there are other processes: in a worker once it has joined, elsewhere once it is decided.
   * @returns {Promise<boolean>}
   */
  async isInCluster() {
    if (this.role === 'undecided' && this.isWorker) await this.connection.connected();
    if (this.role === 'undecided') {
      this.decide();
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    return this.role === 'primary' || this.role === 'worker';
  }

  /** For rooms above the cluster. */
  get inside() {
    const { config, logger } = this.parts;
    const { log, names, resources, workerId, requester } = this;
    const contexts = () => this.contexts();
    const { kept } = requester;
    return { config, logger, log, names, resources, workerId, contexts, kept, isInCluster: () => this.isInCluster() };
  }

  /** At the first need: an application that forks does so right after it made its manager. */
  decide() {
    if (this.role !== 'undecided' || cluster.isWorker || this.#decidesSoon) return;
    this.#decidesSoon = true;
    setImmediate(() => {
      try {
        if (!this.closed) this.#becomeStandalone();
      } catch (error) {
        this.#fail(asGpuError(error)); // the system has no thread or no memory for it
      }
    });
  }

  /**
   * @param {import('../wire/messages').SplitQuestion} question
   * @returns {Promise<import('../wire/messages').SplitTarget[]>}
   */
  async #splitTargets(question) {
    try {
      await this.ready;
    } catch {
      return []; // the job is told why it finds no context
    }
    const report = { what: /** @type {const} */ ('split'), ...question };
    if (!this.coordination) return this.connection.query(report);
    return /** @type {import('../wire/messages').SplitTarget[]} */ (this.coordination.reports.give(report));
  }

  /** @param {GPUError} error */
  #fail(error) {
    this.#rejectReady(error);
    this.requester.end(error);
    this.connection.fail(error);
  }

  /** The contexts of all workers, as far as this process knows them; none once it is closed. */
  contexts() {
    if (this.closed) return [];
    const { coordination, role, registry } = this;
    return coordination && role !== 'worker' ? coordination.reports.contexts() : registry.entries;
  }

  // ---- what happens

  /** @param {import('../wire/operation-messages').ToldMessage} message */
  #onTold(message) {
    if (message.type === 'spent' || message.type === 'degrade' || message.type === 'tell-use')
      this.operations.onMessage(message);
    else this.resources.onMessage(message);
  }

  /** @param {import('../wire/messages').EventMessage} message */
  #onEvent({ name, event }) {
    if (name === 'worker-ready') {
      this.coordination?.forks?.ready(event.workerId);
      this.#checkReady();
    }
    if (name === 'tensor-published') this.names.onChanged(event);
    tell(this.parts.emitter, name, event);
  }

  /** Why there is no context. */
  #whatHelps() {
    const { devices, contextTypes } = this.parts.config;
    const limits = Object.entries({ devices, contextTypes }).flatMap(([name, values]) =>
      values ? [`${name} allows ${values.join(', ')} alone`] : [],
    );
    if (limits.length) return `${limits.join(' and ')} (\`npx switchyard devices\` lists what is here)`;
    return '`npx switchyard doctor` says what is missing';
  }

  /** Ready: a context is there for this process's jobs; and in a cluster of its own, all workers. */
  #checkReady() {
    const contexts = (this.coordination?.primary.contexts.list ?? this.registry.entries).length;
    const forksReady = this.coordination?.forksReady;
    if (this.role === 'lone' && !contexts) {
      const failure = this.connection.pool?.failure;
      const isShort = failure?.code === 'ERR_OUT_OF_MEMORY';
      const why = isShort ? failure.message : this.#whatHelps();
      const message = `no context could be opened in this process: ${why}`;
      this.#fail(new GPUError(isShort ? 'ERR_OUT_OF_MEMORY' : 'ERR_UNSUPPORTED', message));
    } else if (this.role === 'lone' || (forksReady ?? contexts > 0)) {
      this.#resolveReady();
    }
  }

  /**
   * @param {import('../worker/coordinator-connection').ConnectionEnd} how
   * @param {string} reason
   */
  #onCoordinatorGone(how, reason) {
    this.#rejectReady(new GPUError(how === 'closed' ? 'ERR_CLOSED' : 'ERR_WORKER_LOST', 'the coordinator has gone'));
    if (this.closed) return;
    if (how === 'lost') {
      this.log.error('the primary process has ended: this worker ends, too');
      setTimeout(() => process.exit(1), kExitGraceMs);
      return;
    }
    this.#closedBecause =
      how === 'closed'
        ? 'the cluster was closed: the manager of its primary process was'
        : `this process has left the cluster: ${reason}`;
    this.parts.onEnding();
    const ends = [this.connection, this.resources, this.operations].map((each) => each.close());
    this.closed = Promise.all([...ends, flushTraces()]).then(() => this.#end());
    // A worker that only runs jobs has nothing left to do.
    if (onlyRunsJobs()) this.closed.then(() => process.exit(how === 'closed' ? 0 : 1));
  }

  /** @param {string} reason */
  async #onDismissed(reason) {
    this.log[reason === 'device-back' ? 'info' : 'error']({ reason }, 'this worker is to be replaced');
    await leave(this.connection, this.requester, nowMs() + kWorkerTimeoutMs / 2);
    // The application may have something to see to.
    process.kill(process.pid, process.listenerCount('SIGTERM') && !onlyRunsJobs() ? 'SIGTERM' : 'SIGKILL');
  }

  // ---- the end

  /** @returns {GPUError} why nothing is taken any more */
  closedError() {
    return new GPUError('ERR_CLOSED', this.#closedBecause);
  }

  /**
   * @param {boolean} drain what was given is finished first
   * @param {number} timeout how long that may take, ms
   * @returns {Promise<void>}
   */
  close(drain, timeout) {
    this.isDraining = true;
    this.parts.onClosing();
    return (this.closed ??= this.#close(drain, timeout));
  }

  /**
   * @param {boolean} drain
   * @param {number} timeout
   */
  async #close(drain, timeout) {
    const { connection, coordination, requester } = this;
    const closed = new GPUError('ERR_CLOSED', 'the manager was closed before the job was done');
    const ending = { requester, drain, until: nowMs() + timeout, closed };
    if (drain && this.role === 'undecided' && !requester.waiting) requester.end(closed);
    // Another process owns what this one did.
    await Promise.race([this.resources.close(), waitUntil(ending.until)]);
    if (coordination) await endCoordinated(coordination.primary, ending, this.parts.config.contextSwitchTimeout);
    else await endWorker(connection, ending);
    if (coordination) await coordination.primary.operations.collect();
    else this.operations.report();
    await coordination?.primary.operations.close();
    requester.end(closed);
    this.#rejectReady(closed);
    this.parts.onEnding();
    await Promise.race([this.operations.close(), waitUntil(nowMs() + kKeptMs)]);
    await connection.close();
    coordination?.primary.close();
    await coordination?.forks?.end(kWorkerTimeoutMs);
    await flushTraces();
    this.#end();
  }

  #end() {
    clearInterval(this.#idleTimer);
    this.resources.end();
    this.progress.end();
    this.names.close();
    this.coordination?.end();
    this.parts.onEnded();
  }
}

/** What makes a cluster of workers that have found no coordinator. */
function howTogether() {
  // PM2 sets it. Its cluster mode has a primary of its own, which runs no code of the application.
  if (process.env.pm_id === undefined) return 'Call createGPUClusterManager() in the primary process, too';
  return (
    "PM2's cluster mode leaves no way to: run the application in PM2's fork mode with one instance, and let " +
    'createGPUClusterManager({ workers: 4 }) fork the workers, or the application with cluster.fork()'
  );
}

/** @param {number} until ms as of nowMs() */
function waitUntil(until) {
  return new Promise((resolve) => {
    const ms = Math.min(Math.max(0, until - nowMs()), 2 ** 31 - 1);
    setTimeout(resolve, ms).unref();
  });
}

/** Whether this is a worker of ours: no application is in it. */
function onlyRunsJobs() {
  return process.argv[1] === kWorkerMain;
}

module.exports = { ClusterProcess };
