// Jobs that this process wants done: on its own idle context where that is the best there is, else the coordinator is
// asked for them.
'use strict';
const { describe } = require('../../call');
const { asGpuError } = require('../../core');
const { DeviceUse, budgetError } = require('../../operations');
const { typeOf } = require('../journal');
const { Asks, kNoDigest } = require('./asks');
const { EarlyJobs, queueFull } = require('./early-jobs');
const { JobEvents, lateText } = require('./job-events');
const { checkOptions } = require('./job-options');
const { KeptResults } = require('./kept-results');
const { LocalRuns } = require('./local-runs');
const { needFor } = require('./needs');
const { OwnJobs } = require('./own-jobs');
const { RanJobs } = require('./ran-jobs');
const { Routing } = require('./routing');
const { SplitJobs } = require('./split-jobs');

/** @typedef {import('../../call/describe').AnyCall} AnyCall */
/** @typedef {import('../../call/built-in-call').BuiltInCall} BuiltInCall */
/** @typedef {import('../../core').GPUError} GPUError */
/** @typedef {import('../../index').GPUResult} GPUResult */
/** @typedef {import('./job-options').JobOptions} JobOptions */
/** @typedef {import('./needs').Need} Need */
/**
 * @typedef {object} RequesterParts
 * @property {number} workerId
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {import('./context-registry').ContextRegistry} registry
 * @property {import('../../metrics/metrics').MetricsBlock|undefined} metrics of jobs that did not go through the
 *   coordinator
 * @property {import('node:events').EventEmitter} emitter
 */

class Requester {
  #asks;
  #early = new EarlyJobs();
  #events;
  #own;
  #ran;
  #splits;
  /** @type {import('./pool').Pool|undefined} */
  #pool;
  /** @type {GPUError|undefined} why nothing can be asked any more */
  #ended;
  #here;
  #routing;
  /** @type {import('../../index').BudgetState|undefined} */
  #spent;
  /** @type {import('../../metrics/metrics').MetricsBlock|undefined} */
  #metrics;
  /** Whether a job may go another way than the usual one, or none: a budget is used up, or costs decide where. */
  #isWatched = false;

  /** @param {RequesterParts} parts */
  constructor({ workerId, config, log, registry, metrics, emitter }) {
    this.workerId = workerId;
    this.config = config;
    this.#events = new JobEvents(emitter, registry, workerId);
    this.#ran = new RanJobs(workerId);
    this.#own = new OwnJobs(workerId, this.#ran);
    /** What this process's jobs take of devices. */
    this.use = new DeviceUse(config.prices, typeOf);
    this.#routing = new Routing({ config, registry, use: this.use });
    this.#isWatched = this.#routing.isOn;
    this.#asks = new Asks({ workerId, config, registry, events: this.#events, own: this.#own, use: this.use });
    this.#here = new LocalRuns({
      workerId,
      config,
      events: this.#events,
      own: this.#own,
      ran: this.#ran,
      use: this.use,
      pool: () => this.#pool,
      hasEnded: () => this.#ended !== undefined,
      askAgain: (call, workload, options, need) => this.#ask(call, workload, options, need, kNoDigest, 1),
    });
    this.metrics = metrics;
    this.kept = new KeptResults({
      workerId,
      config,
      log,
      registry,
      events: this.#events,
      ran: this.#ran,
      use: this.use,
      metrics: () => this.metrics,
      ask: (asked, digest) => this.#askKept(asked, digest),
    });
    this.#splits = new SplitJobs({
      workerId,
      config,
      registry,
      events: this.#events,
      own: this.#own,
      use: this.use,
      metrics: () => this.metrics,
      runWhole: (call, workload, options, need) => this.#run(call, workload, options, need),
    });
  }

  /** Of jobs that did not go through the coordinator. */
  get metrics() {
    return this.#metrics;
  }

  set metrics(metrics) {
    this.#metrics = metrics;
    this.#here.metrics = metrics;
  }

  /** The budget that is used up: no more jobs are run. */
  get spent() {
    return this.#spent;
  }

  set spent(budget) {
    this.#spent = budget;
    this.#isWatched = budget !== undefined || this.#routing.isOn;
  }

  /** Jobs asked of the coordinator and not settled. */
  get waiting() {
    return this.#asks.waiting + this.#early.size + this.#splits.waiting;
  }

  /** Jobs the coordinator was asked for so far. */
  get asked() {
    return this.#asks.count + this.#splits.asks.count;
  }

  /** Whether the coordinator has jobs of this process. */
  get isAsking() {
    return this.#asks.isConnected && this.#asks.waiting > 0;
  }

  /** Whether there is a coordinator to speak to. */
  get isConnected() {
    return this.#asks.isConnected && !this.#ended;
  }

  /** How far the jobs are that run on this process's own contexts. */
  steps() {
    return this.#own.steps();
  }

  /** Jobs that run on this process's own contexts. */
  get running() {
    return this.#here.running;
  }

  /**
   * Stops the jobs that run on this process's own contexts.
   * @param {GPUError} error what they fail with
   */
  cut(error) {
    this.#here.cut(error);
  }

  /** @param {import('../wire/channel').Channel} channel */
  connect(channel) {
    this.#asks.connect(channel);
    this.#splits.asks.connect(channel);
    this.#early.startAll();
  }

  /** @param {LocalRuns['onAgain']} onAgain hears the numbers of a job that is run again */
  whenAgain(onAgain) {
    this.#here.onAgain = onAgain;
  }

  /**
   * Who says where parts of a job may run, once there are contexts.
   * @param {SplitJobs['targets']} targets
   */
  askForTargets(targets) {
    this.#splits.targets = targets;
  }

  /** @param {import('./pool').Pool|undefined} pool */
  usePool(pool) {
    this.#pool = pool;
  }

  /**
   * A result has come.
   * @param {Float64Array} numbers
   * @param {number} start
   */
  onResult(numbers, start) {
    this.#asks.onResult(numbers, start);
    this.#splits.asks.onResult(numbers, start);
  }

  /**
   * The coordinator says where a job was whose time is up.
   * @param {number} number
   * @param {string} text
   */
  onWhere(number, text) {
    this.#asks.onWhere(number, text);
    this.#splits.asks.onWhere(number, text);
  }

  /**
   * What the coordinator asks for of the jobs that it does not know of.
   * @param {number} number of its question
   * @param {string|undefined} id
   */
  follow(number, id) {
    return this.#own.answer(number, id);
  }

  /**
   * Nothing more can be asked; what is under way is settled with the error.
   * @param {GPUError} error
   */
  end(error) {
    if (this.#ended) return;
    this.#ended = error;
    this.#asks.refuse(error);
    this.#splits.asks.refuse(error);
    this.#early.startAll();
    this.#asks.end(error);
    this.#splits.asks.end(error);
  }

  /**
   * @param {unknown} workload
   * @param {unknown} [given] options
   * @returns {Promise<GPUResult>}
   */
  execute(workload, given) {
    /** @type {AnyCall|undefined} */
    let call;
    try {
      if (this.#ended) throw this.#ended;
      const options = given === undefined ? undefined : checkOptions(given);
      call = describe(workload, options?.into);
      call.refuseDeviceTensors();
      if (this.#isWatched) {
        if (this.#spent !== undefined && !options?.cache) throw budgetError(this.#spent);
        if (this.#routing.isOn && options?.contextType === undefined && !call.split)
          return this.#runRouted(call, workload, options);
      }
      const need = needFor(call.kind, call.contextTypeFor(options?.contextType));
      if (call.split) return this.#splits.run(/** @type {BuiltInCall} */ (call), workload, options, need);
      return this.#run(call, workload, options, need);
    } catch (error) {
      return Promise.reject(this.#events.failed(workload, asGpuError(error)));
    } finally {
      call?.clear();
    }
  }

  /**
   * @param {AnyCall} call
   * @param {unknown} workload
   * @param {JobOptions|undefined} options
   * @param {Need} need
   * @returns {Promise<GPUResult>}
   */
  #run(call, workload, options, need) {
    const context = this.#pool?.choose(need, options);
    if (context) return this.#here.run(context, call, workload, options, need);
    if (options?.cache) return this.kept.run(call, workload, options, need);
    return this.#ask(call, workload, options, need, kNoDigest, 0);
  }

  /**
   * @param {AnyCall} call that names no kind of device
   * @param {unknown} workload
   * @param {JobOptions|undefined} options
   * @returns {Promise<GPUResult>}
   */
  #runRouted(call, workload, options) {
    const route = this.#routing.routeOf(call);
    if (!route) return this.#run(call, workload, options, needFor(call.kind, call.contextTypeFor(undefined)));
    const { counted } = call;
    return this.#run(call, workload, options, needFor(call.kind, route.type)).then((result) => {
      this.#routing.ended(route, counted, result, options?.account);
      return result;
    });
  }

  /**
   * No result of it is kept.
   * @param {import('./kept-results').Asked} asked
   * @param {number[]} digest
   * @returns {Promise<GPUResult>}
   */
  #askKept({ call, workload, options, need }, digest) {
    if (this.#spent !== undefined)
      return Promise.reject(this.#events.failed(workload, budgetError(this.#spent), call.id));
    return this.#ask(call, workload, options, need, digest, 0);
  }

  /** @param {unknown} workload @returns {number} how much work it is, 0 to 100 */
  complexity(workload) {
    return this.#routing.complexity(workload);
  }

  /**
   * @param {AnyCall} call
   * @param {unknown} workload
   * @param {JobOptions|undefined} options
   * @param {Need} need
   * @param {number[]} digest
   * @param {number} attempts already made
   * @returns {Promise<GPUResult>}
   */
  #ask(call, workload, options, need, digest, attempts) {
    if (this.#asks.isConnected || this.#ended) return this.#asks.ask(call, workload, options, need, digest, attempts);
    if (this.#early.size >= this.config.queueLimit)
      return Promise.reject(this.#events.failed(workload, queueFull(this.config.queueLimit)));
    const kept = call.keep();
    const start = (/** @type {number} */ left) => {
      // A pool that has become ready meanwhile may take it.
      const context = this.#ended || digest !== kNoDigest ? undefined : this.#pool?.choose(need, options);
      const rest = { ...options, timeout: left };
      return context
        ? this.#here.run(context, kept, workload, rest, need)
        : this.#ask(kept, workload, rest, need, digest, attempts);
    };
    const failed = (/** @type {GPUError} */ error) => this.#events.failed(workload, error, kept.id);
    const timeout = options?.timeout ?? this.config.timeout;
    const late = lateText(kept.id, kept.type, timeout);
    return this.#early.wait(start, failed, options?.signal, timeout, late, [kept, options]);
  }
}

module.exports = { Requester };
