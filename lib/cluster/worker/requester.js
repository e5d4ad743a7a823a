// Jobs that this process wants done: on its own idle context where that is the best there is, else the coordinator is
// asked for them.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { native } = require('../../addon');
const { describe, digestOf, settleNow, inCluster, lastCostMs } = require('../../call');
const { asGpuError, nowMs } = require('../../core');
const { GPUContext } = require('../../context');
const { Asks, kNoDigest } = require('./asks');
const { EarlyJobs, queueFull } = require('./early-jobs');
const { JobEvents, lateText } = require('./job-events');
const { checkOptions } = require('./job-options');
const { needFor } = require('./needs');
const { OwnJobs } = require('./own-jobs');
const { RanJobs } = require('./ran-jobs');
const { SplitJobs } = require('./split-jobs');

/** @typedef {import('../../call/describe').AnyCall} AnyCall */
/** @typedef {import('../../call/built-in-call').BuiltInCall} BuiltInCall */
/** @typedef {import('../../core').GPUError} GPUError */
/** @typedef {import('../../index').GPUResult} GPUResult */
/** @typedef {import('../../index').RunResult} RunResult */
/** @typedef {import('./job-options').JobOptions} JobOptions */
/** @typedef {import('./needs').Need} Need */
/** @typedef {import('./pool').PoolContext} PoolContext */
/**
 * @typedef {object} RequesterParts
 * @property {number} workerId
 * @property {import('../../config/config').Config} config
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
  /** @type {Set<number>} the numbers of jobs that run on this process's own contexts */
  #here = new Set();
  /** @type {GPUError|undefined} why those are stopped */
  #cut;
  #prefix;
  /** @type {(before: number, number: number) => void} hears the numbers of a job that is run again */
  onAgain = () => {};

  /** @param {RequesterParts} parts */
  constructor({ workerId, config, registry, metrics, emitter }) {
    this.workerId = workerId;
    this.config = config;
    this.metrics = metrics;
    this.#prefix = `job-${workerId}-`;
    this.#events = new JobEvents(emitter, registry, workerId);
    this.#ran = new RanJobs(workerId);
    this.#own = new OwnJobs(workerId, this.#ran);
    this.#asks = new Asks({ workerId, config, registry, events: this.#events, own: this.#own });
    this.#splits = new SplitJobs({
      workerId,
      config,
      registry,
      events: this.#events,
      own: this.#own,
      metrics: () => this.metrics,
      runWhole: (call, workload, options, need) => this.#run(call, workload, options, need),
    });
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

  /** How far the jobs are that run on this process's own contexts. */
  steps() {
    return this.#own.steps();
  }

  /** Jobs that run on this process's own contexts. */
  get running() {
    return this.#here.size;
  }

  /**
   * Stops the jobs that run on this process's own contexts.
   * @param {GPUError} error what they fail with
   */
  cut(error) {
    this.#cut = error;
    for (const number of this.#here) native.cancel(number);
  }

  /** @param {import('../wire/channel').Channel} channel */
  connect(channel) {
    this.#asks.connect(channel);
    this.#splits.asks.connect(channel);
    this.#early.startAll();
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
    if (context) return this.#runHere(context, call, workload, options, need);
    const digest = options?.cache ? digestOf(call, options.contextType) : kNoDigest;
    if (digest instanceof Promise) return this.#askEqual(call.keep(), workload, options, need, digest);
    return this.#ask(call, workload, options, need, digest, 0);
  }

  /**
   * Asks for a job once its digest is there. It is asked for as it was described before, whatever becomes of its
   * program meanwhile.
   * @param {AnyCall} call that was kept
   * @param {unknown} workload
   * @param {JobOptions|undefined} options
   * @param {Need} need
   * @param {Promise<number[]>} coming
   */
  async #askEqual(call, workload, options, need, coming) {
    let digest;
    try {
      digest = await coming;
    } catch (error) {
      throw this.#events.failed(workload, asGpuError(error));
    }
    return this.#ask(call, workload, options, need, digest, 0);
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
        ? this.#runHere(context, kept, workload, rest, need)
        : this.#ask(kept, workload, rest, need, digest, attempts);
    };
    const failed = (/** @type {GPUError} */ error) => this.#events.failed(workload, error, kept.id);
    const timeout = options?.timeout ?? this.config.timeout;
    const late = lateText(kept.id, kept.type, timeout);
    return this.#early.wait(start, failed, options?.signal, timeout, late, [kept, options]);
  }

  /**
   * @param {PoolContext} context
   * @param {AnyCall} call
   * @param {unknown} workload
   * @param {JobOptions|undefined} options
   * @param {Need} need
   * @returns {Promise<GPUResult>}
   */
  #runHere(context, call, workload, options, need) {
    const started = nowMs();
    const waited = options?.waited ?? 0;
    const { counted, type, id: given } = call;
    let result;
    context.begin(started);
    try {
      result = GPUContext.begin(context.gpu, call, this.#prefix);
    } catch (error) {
      context.end(started);
      return this.#failedHere(asGpuError(error), context, call, workload, options, need, started, undefined);
    }
    if (result) {
      // It is over already, though its promise is not settled yet.
      context.end(started);
      this.#ran.add(call.number, given, counted, context.gpu.id, started - waited, waited);
      const { total } = result.timings;
      const settled = settleNow(this.#done(context, counted, result, waited), total);
      return this.#events.isCompletionHeard ? settled.then((done) => this.#events.completed(type, done)) : settled;
    }
    const cost = lastCostMs();
    const { number } = call;
    const id = given ?? this.#prefix + number;
    const timeout = options?.timeout ?? this.config.timeout;
    context.goesOn([cost, number, counted, options?.priority ?? 0, started + timeout]);
    this.#own.begun(number, given, counted, options, started - waited, started + timeout, cost, context.gpu.id);
    this.#here.add(number);
    return GPUContext.end(context.gpu, call, this.#prefix, { signal: options?.signal, timeout }).then(
      (done) => {
        this.#here.delete(number);
        this.#own.ended(number, done.timings);
        context.end(started);
        return this.#events.completed(type, this.#done(context, counted, done, waited));
      },
      (error) => {
        this.#here.delete(number);
        if (error.code === 'ERR_TIMEOUT') {
          const others = context.localPending + context.remotePending - 1;
          error.message = `${lateText(id, type, timeout)}: it was running on ${context.gpu.id}`;
          if (others > 0) error.message += ', or waited there behind another';
        }
        this.#own.ended(number, undefined, error);
        this.#leave(context, started, error.released);
        return this.#failedHere(error, context, call, workload, options, need, started, id, number);
      },
    );
  }

  /**
   * @param {PoolContext} context
   * @param {number} counted
   * @param {RunResult} result
   * @param {number} waited ms, before it was to run
   */
  #done(context, counted, result, waited) {
    const { id, contextType } = context.gpu;
    const { timings } = result;
    const { queued } = timings;
    timings.queued += waited;
    timings.total += waited;
    this.metrics?.completed(counted, timings, 1);
    if (this.#events.ranIn(id, queued, contextType)) this.metrics?.contextSwitch(queued);
    return inCluster(result, this.workerId, false, 1, 1);
  }

  /**
   * @param {GPUError} error
   * @param {PoolContext} context
   * @param {AnyCall} call
   * @param {unknown} workload
   * @param {JobOptions|undefined} options
   * @param {Need} need
   * @param {number} started
   * @param {string|undefined} id of the job; undefined: it was refused
   * @param {number} [number]
   * @returns {Promise<GPUResult>}
   */
  #failedHere(error, context, call, workload, options, need, started, id, number) {
    if (this.#cut && error.code === 'ERR_CANCELED' && !options?.signal?.aborted) error = this.#cut;
    // Whoever lost its device may run again elsewhere, unless the caller did not want that or has gone.
    const retries = options?.retries ?? this.config.retries;
    if (error.code !== 'ERR_DEVICE_LOST' || retries === 0 || this.#ended) {
      this.metrics?.failed(error.code);
      return Promise.reject(this.#events.failed(workload, error, id));
    }
    this.#pool?.lose(context, error.message);
    this.metrics?.retried(error.code);
    const timeout = options?.timeout ?? this.config.timeout;
    const left = timeout === Infinity ? Infinity : Math.max(1, timeout - (nowMs() - started));
    const rest = { ...options, timeout: left, retries: retries - 1 };
    try {
      const again = call.again() ?? describe(workload, options?.into);
      const asked = this.#ask(again, workload, rest, need, kNoDigest, 1);
      if (number !== undefined) this.onAgain(number, again.number);
      again.clear();
      return asked;
    } catch (failed) {
      return Promise.reject(this.#events.failed(workload, asGpuError(failed), id));
    }
  }

  /**
   * A job of the context has failed; one that was given up still runs there for a while.
   * @param {PoolContext} context
   * @param {number} started
   * @param {Promise<void>|undefined} released
   */
  #leave(context, started, released) {
    if (!released) {
      context.end(started);
      return;
    }
    const timer = setTimeout(() => this.#pool?.stuck(context), this.config.contextSwitchTimeout);
    timer.unref();
    released.then(() => {
      clearTimeout(timer);
      context.end(started);
    });
  }
}

module.exports = { Requester };
