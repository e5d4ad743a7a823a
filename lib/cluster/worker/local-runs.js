// Jobs that run on this process's own contexts, without the coordinator.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { native } = require('../../addon');
const { describe, settleNow, inCluster, lastCostMs } = require('../../call');
const { asGpuError, nowMs } = require('../../core');
const { GPUContext } = require('../../context');
const { lateText } = require('./job-events');

/** @typedef {import('../../call/describe').AnyCall} AnyCall */
/** @typedef {import('../../core').GPUError} GPUError */
/** @typedef {import('../../index').GPUResult} GPUResult */
/** @typedef {import('../../index').RunResult} RunResult */
/** @typedef {import('./job-options').JobOptions} JobOptions */
/** @typedef {import('./needs').Need} Need */
/** @typedef {import('../../operations').DeviceUse} DeviceUse */
/** @typedef {import('./pool').PoolContext} PoolContext */
/**
 * @typedef {object} LocalParts
 * @property {number} workerId
 * @property {import('../../config/config').Config} config
 * @property {import('./job-events').JobEvents} events
 * @property {import('./own-jobs').OwnJobs} own
 * @property {import('./ran-jobs').RanJobs} ran
 * @property {import('../../operations').DeviceUse} use
 * @property {() => import('./pool').Pool|undefined} pool
 * @property {() => boolean} hasEnded whether nothing can be asked any more
 * @property {(call: AnyCall, workload: unknown, options: JobOptions, need: Need) => Promise<GPUResult>} askAgain the
 *   coordinator, for a job whose device was lost here
 */

class LocalRuns {
  #parts;
  #workerId;
  #config;
  #events;
  #own;
  #ran;
  #use;
  #prefix;
  /** @type {Set<number>} the numbers of jobs that run */
  #here = new Set();
  /** @type {GPUError|undefined} why those are stopped */
  #cut;
  /** Of the contexts' devices, each in its context's place. @type {ReturnType<DeviceUse['counterOf']>[]} */
  #counters = [];
  /** Of jobs that did not go through the coordinator. @type {import('../../metrics/metrics').MetricsBlock|undefined} */
  metrics;
  /** @type {(before: number, number: number) => void} hears the numbers of a job that is run again */
  onAgain = () => {};

  /** @param {LocalParts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#workerId = parts.workerId;
    this.#config = parts.config;
    this.#events = parts.events;
    this.#own = parts.own;
    this.#ran = parts.ran;
    this.#use = parts.use;
    this.#prefix = `job-${parts.workerId}-`;
  }

  /** How many there are. */
  get running() {
    return this.#here.size;
  }

  /**
   * Stops them.
   * @param {GPUError} error what they fail with
   */
  cut(error) {
    this.#cut = error;
    for (const number of this.#here) native.cancel(number);
  }

  /**
   * @param {PoolContext} context
   * @param {AnyCall} call
   * @param {unknown} workload
   * @param {JobOptions|undefined} options
   * @param {Need} need
   * @returns {Promise<GPUResult>}
   */
  run(context, call, workload, options, need) {
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
      const settled = settleNow(this.#done(context, counted, result, waited, 0, options?.account), total);
      return this.#events.isCompletionHeard ? settled.then((done) => this.#events.completed(type, done)) : settled;
    }
    const cost = lastCostMs();
    const { number } = call;
    const id = given ?? this.#prefix + number;
    const timeout = options?.timeout ?? this.#config.timeout;
    const account = options?.account;
    context.goesOn([cost, number, counted, options?.priority ?? 0, started + timeout]);
    this.#own.begun(number, given, counted, options, started - waited, started + timeout, cost, context.gpu.id);
    this.#here.add(number);
    return GPUContext.end(context.gpu, call, this.#prefix, { signal: options?.signal, timeout }).then(
      (done) => {
        this.#here.delete(number);
        this.#own.ended(number, done.timings);
        context.end(started);
        return this.#events.completed(type, this.#done(context, counted, done, waited, cost, account));
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
   * @param {number} units that it was estimated at; 0: it ran at once
   * @param {JobOptions['account']} account
   */
  #done(context, counted, result, waited, units, account) {
    const { id, contextType } = context.gpu;
    const { timings } = result;
    const { queued, upload, compute, readback } = timings;
    timings.queued += waited;
    timings.total += waited;
    const { metrics } = this;
    metrics?.completed(counted, timings, 1);
    if (this.#events.ranIn(id, queued, contextType)) metrics?.contextSwitch(queued);
    const ms = upload + compute + readback;
    const cost =
      units === 0 && account === undefined
        ? (this.#counters[context.index] ??= this.#use.counterOf(context.where)).ranAtOnce(counted, ms)
        : this.#use.ran(context.where, counted, ms, units, 1, account);
    return inCluster(result, this.#workerId, false, 1, 1, cost);
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
    const retries = options?.retries ?? this.#config.retries;
    if (error.code !== 'ERR_DEVICE_LOST' || retries === 0 || this.#parts.hasEnded()) {
      this.metrics?.failed(error.code);
      return Promise.reject(this.#events.failed(workload, error, id));
    }
    this.#parts.pool()?.lose(context, error.message);
    this.metrics?.retried(error.code);
    const timeout = options?.timeout ?? this.#config.timeout;
    const left = timeout === Infinity ? Infinity : Math.max(1, timeout - (nowMs() - started));
    const rest = { ...options, timeout: left, retries: retries - 1 };
    try {
      const again = call.again() ?? describe(workload, options?.into);
      const asked = this.#parts.askAgain(again, workload, rest, need);
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
    const timer = setTimeout(() => this.#parts.pool()?.stuck(context), this.#config.contextSwitchTimeout);
    timer.unref();
    released.then(() => {
      clearTimeout(timer);
      context.end(started);
    });
  }
}

module.exports = { LocalRuns };
