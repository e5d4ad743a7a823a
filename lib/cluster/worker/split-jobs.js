// Jobs with `split: true`: cut by rows into parts, each an ordinary job that is meant for one device, whose outputs are
// written side by side. To its caller it stays one job: one id, one result or one error.
'use strict';
const { digestOf, nextId, track, settle, unwatch, giveUp, isShared, costMs, product } = require('../../call');
const { GPUError, asGpuError, invalid, nowMs } = require('../../core');
const { timeText } = require('../journal');
const { Asks, kNoDigest } = require('./asks');
const { tellOfCopies } = require('./copied-again');
const { queueFull } = require('./early-jobs');
const { JobEvents, lateText } = require('./job-events');
const { heldAgain, refuseGone, refuseGoneTargets, outputsOf, releaseMade } = require('./split-memory');
const { SplitPart, runParts } = require('./split-parts');
const { SplitPlanner } = require('./split-plan');
const { mergeInto, partText, inPart, partOf, resultOfParts } = require('./split-result');

/** @typedef {import('../../call/built-in-call').BuiltInCall} BuiltInCall */
/** @typedef {import('../../addon/native').NativeSplits} NativeSplits */
/** @typedef {import('../../addon/native').NativeSplit} NativeSplit */
/** @typedef {import('../../index').GPUResult} GPUResult */
/** @typedef {import('../wire/messages').SplitQuestion} SplitQuestion */
/** @typedef {import('../wire/messages').SplitTarget} SplitTarget */
/** @typedef {import('./job-options').JobOptions} JobOptions */
/** @typedef {import('./needs').Need} Need */
/** @typedef {import('./split-plan').PlannedPart} PlannedPart */
/** @typedef {import('./split-result').Output} Output */
/**
 * @typedef {object} SplitJobsParts
 * @property {number} workerId
 * @property {import('../../config/config').Config} config
 * @property {import('./context-registry').ContextRegistry} registry
 * @property {JobEvents} events
 * @property {import('./own-jobs').OwnJobs} own
 * @property {import('../../operations').DeviceUse} use
 * @property {() => import('../../metrics/metrics').MetricsBlock|undefined} metrics
 * @property {(call: BuiltInCall, workload: unknown, options: JobOptions|undefined, need: Need) => Promise<GPUResult>}
 *   runWhole runs a call that was kept, as any other
 */
/**
 * One job.
 * @typedef {object} SplitJob
 * @property {number} number
 * @property {string} id
 * @property {BuiltInCall} call that was kept
 * @property {Record<string, unknown>} workload
 * @property {JobOptions} options
 * @property {Need} need
 * @property {NativeSplits} facts
 * @property {number} started
 * @property {number} timeout
 * @property {boolean} isOver its time was up, or its signal aborted, before its parts were asked for
 */

const kLongestId = 240; // characters of a job's id in those of its parts
const kMergeMs = 3e-5; // for each score of a part

/** Nothing is told of parts: the job is one. */
class NoEvents extends JobEvents {
  /**
   * @param {string} _
   * @param {GPUResult} result
   */
  completed(_, result) {
    return result;
  }

  /**
   * @param {unknown} _
   * @param {GPUError} error
   */
  failed(_, error) {
    return error;
  }

  ranIn() {
    return false;
  }
}

class SplitJobs {
  #planner = new SplitPlanner();
  #size = 0;
  /** Those of them that have not been asked for, in parts or whole. */
  #early = 0;
  /** @type {(question: SplitQuestion) => Promise<SplitTarget[]>} where parts may run, once there are contexts */
  targets = () => Promise.resolve([]);

  /** @param {SplitJobsParts} parts */
  constructor(parts) {
    this.parts = parts;
    const { workerId, config, registry, events, own, use } = parts;
    /** Of the parts. */
    const silent = new NoEvents(events.emitter, registry, workerId);
    this.asks = new Asks({ workerId, config, registry, own, use, events: silent });
  }

  /** Jobs that have not ended, and their parts. */
  get waiting() {
    return this.#size + this.asks.waiting;
  }

  /**
   * @param {BuiltInCall} call
   * @param {unknown} given the workload that it describes
   * @param {JobOptions|undefined} options
   * @param {Need} need
   * @returns {Promise<GPUResult>}
   * @throws {GPUError} it can't be right
   */
  run(call, given, options, need) {
    if (options?.affinity !== undefined)
      throw invalid('affinity keeps jobs on one context, split cuts one for several: leave one of them out', 'split');
    const { own, workerId, config } = this.parts;
    if (this.#early >= config.queueLimit) throw queueFull(config.queueLimit);
    const facts = call.splits();
    const timeout = options?.timeout ?? config.timeout;
    const number = nextId();
    const id = call.id ?? `job-${workerId}-${number}`;
    const started = nowMs();
    const kept = /** @type {BuiltInCall} */ (call.keep());
    // What is read later is as it was when the job was asked for, whatever its caller does with the objects meanwhile.
    const { params, inputs: givenInputs, ...rest } = /** @type {Record<string, unknown>} */ (given);
    const inputs = heldAgain(givenInputs);
    const into = heldAgain(options?.into);
    const held = [inputs, into].flatMap((tensors) => Object.values(tensors).filter(isShared));
    const workload = { ...rest, inputs, params: { .../** @type {object|undefined} */ (params) } };
    kept.inputs = inputs;
    /** @type {SplitJob} */
    const job = {
      number,
      id,
      call: kept,
      workload,
      options: { ...options },
      need,
      facts,
      started,
      timeout,
      isOver: false,
    };
    const cost = costMs(facts.flops, facts.bytes);
    own.begun(number, call.id, call.counted, options, started, started + timeout, cost, undefined);
    own.say(number, 'waits to hear which devices its parts may run on');
    ++this.#size;
    ++this.#early;
    const watched = { signal: options?.signal, timeout };
    const waited = track(number, watched, [job, held], asItIs, () => this.#giveUp(job));
    this.#start(job)
      .then(
        (result) => settle(number, null, result),
        (error) => settle(number, asGpuError(error), undefined),
      )
      .finally(() => {
        --this.#size;
        for (const tensor of held) /** @type {{ release(): void }} */ (tensor).release();
      });
    return waited.catch((error) => {
      throw job.isOver ? this.#late(job, error) : error;
    });
  }

  /** @param {SplitJob} job whose parts have not been asked for */
  #giveUp(job) {
    job.isOver = true;
    settle(job.number, null, undefined); // nobody uses its memory yet
  }

  /**
   * @param {SplitJob} job
   * @param {GPUError} error
   */
  #late(job, error) {
    const { id, call, timeout } = job;
    if (error.code === 'ERR_TIMEOUT')
      error.message = `${lateText(id, call.type, timeout)}: it waited for contexts that its parts may run on`;
    return this.#failed(job, error);
  }

  /**
   * @param {SplitJob} job
   * @returns {Promise<GPUResult|undefined>} undefined: nobody waits for it any more
   */
  async #start(job) {
    const { number, call, need, facts, options } = job;
    let plan;
    let digest = kNoDigest;
    try {
      const { kind, type: contextType } = need;
      const targets = await this.targets({ kind, contextType, workload: call.workload });
      refuseGone(call, facts);
      plan = this.#planner.plan(call.type, waysOf(job), targets);
      if (plan && options.cache) {
        digest = await digestOf(call, options.contextType);
        refuseGone(call, facts);
      }
    } catch (error) {
      if (job.isOver) return undefined;
      throw this.#failed(job, asGpuError(error));
    } finally {
      --this.#early;
    }
    if (job.isOver) return undefined;
    unwatch(number); // whoever runs it has both its signal and its time
    if (!plan) return this.#runWhole(job);
    return this.#runSplit(job, facts.splits[plan.way], plan.parts, digest);
  }

  /** @param {SplitJob} job */
  async #runWhole(job) {
    const { number, call, workload, options, need, timeout, started } = job;
    const waited = nowMs() - started;
    let running;
    try {
      running = this.parts.runWhole(call, workload, { ...options, timeout: leftOf(job), waited }, need);
    } catch (error) {
      throw this.#failed(job, asGpuError(error));
    }
    this.parts.own.left(number);
    try {
      const result = await running;
      result.parts = [partOf(result)];
      return result;
    } catch (error) {
      // it was told what was left of the time
      if (error.code === 'ERR_TIMEOUT')
        error.message = error.message.replace(/within [\d.]+ ms/, `within ${timeout} ms`);
      throw error;
    }
  }

  /**
   * @param {SplitJob} job
   * @param {NativeSplit} split
   * @param {PlannedPart[]} planned
   * @param {number[]} digest
   * @returns {Promise<GPUResult>}
   */
  async #runSplit(job, split, planned, digest) {
    const { own, events, metrics } = this.parts;
    const { number, id, call, workload, need, options } = job;
    const inputs = call.tensors();
    const cut = inputs.flatMap(({ name, place }) => (split.axes[place] ? [name] : []));
    /** @type {Output[]} */
    let outputs = [];
    try {
      outputs = outputsOf(call, job.facts, split);
      const params = /** @type {Record<string, unknown>} */ (workload.params);
      const onCopies = once(() => tellOfCopies(call)); // its parts copy it once
      const rest = { ...options, into: undefined, timeout: leftOf(job), onCopies };
      const whole = { type: call.type, asks: this.asks, need, options: rest, digest, split, inputs, params, outputs };
      const parts = planned.map((part, i) => new SplitPart(whole, part, `${id.slice(0, kLongestId)}/${i + 1}`));
      const names = parts.map((part) => `'${part.id}'`);
      const texts = parts.map((part, i) => partText(i, parts.length, cut, part));
      const meant = texts.map((text, i) => `${text}: meant for ${planned[i].target.id}`);
      const ids = names.length > 2 ? `${names[0]} to ${names.at(-1)}` : names.join(', ');
      own.say(number, `runs in ${names.length} parts: ${ids}`, meant);
      const asked = nowMs();
      const { results, last } = await runParts(
        parts,
        (error, i) =>
          inPart(error, texts[i], lateText(parts[i].id, call.type, rest.timeout), lateText(id, call.type, job.timeout)),
        (all, failed) => this.#untilFree(job, all, failed),
      );
      if (split.merge !== 'rows') {
        refuseGoneTargets(call, job.facts);
        mergeInto(split, planned, results, outputs);
      }
      const result = resultOfParts(job, planned, cut, outputs, results, last, asked);
      own.say(
        number,
        '',
        texts.map(
          (text, i) => `${text}: ${results[i].contextId}, ${timeText(results[i].timings.compute)} of computing`,
        ),
      );
      own.ended(number, result.timings);
      const counts = metrics();
      counts?.completed(call.counted, result.timings, 1);
      if (options.cache) counts?.[result.cached ? 'cacheHit' : 'cacheMiss']();
      return events.completed(call.type, result);
    } catch (error) {
      const failed = this.#failed(job, asGpuError(error));
      releaseMade(call, outputs, failed);
      throw failed;
    }
  }

  /**
   * A part has failed, and the others may use the job's memory for a while: as long as its time and its signal allow.
   * @param {SplitJob} job
   * @param {Promise<unknown>} all when nothing of it is in use any more
   * @param {GPUError} failed
   * @returns {Promise<unknown>} rejected before that with ERR_TIMEOUT or ERR_CANCELED, whose `released` tells of it
   */
  #untilFree(job, all, { message }) {
    const { id, call, options, timeout } = job;
    const { signal } = options;
    const number = nextId();
    const waited = track(number, { signal, timeout: leftOf(job) }, undefined, asItIs, nothing);
    if (signal?.aborted)
      giveUp(number, new GPUError('ERR_CANCELED', 'the job was canceled by its signal', { cause: signal.reason }));
    all.then(() => settle(number, null, undefined));
    return waited.catch((error) => {
      const what = error.code === 'ERR_TIMEOUT' ? lateText(id, call.type, timeout) : error.message;
      error.message = `${what}: it had failed (${message}), but other parts of it had not stopped`;
      throw error;
    });
  }

  /**
   * @param {SplitJob} job
   * @param {GPUError} error
   */
  #failed({ number, id, workload }, error) {
    const { own, metrics, events } = this.parts;
    own.ended(number, undefined, error);
    metrics()?.failed(error.code);
    return events.failed(workload, error, id);
  }
}

/** @param {() => void} act */
function once(act) {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
}

/** @param {GPUResult} result */
function asItIs(result) {
  return result;
}

function nothing() {}

/** @param {SplitJob} job @returns {number} ms of its time */
function leftOf({ timeout, started }) {
  return timeout === Infinity ? Infinity : Math.max(1, timeout - (nowMs() - started));
}

/**
 * What its ways of being cut cost. Of one that gives nothing there is none.
 * @param {SplitJob} job
 */
function waysOf({ call, facts }) {
  const { flops, bytes, outputs, splits } = facts;
  if (outputs.some(({ shape }) => product(shape) === 0)) return [];
  const inputs = call.tensors();
  return splits.map(({ units, axes, merge }) => {
    const sharedBytes = inputs.reduce((sum, { place, data }) => sum + (axes[place] ? 0 : data.byteLength), 0);
    const sharedMs = costMs(0, sharedBytes);
    const unitMs = Math.max(costMs(flops, bytes) - sharedMs, 1e-9) / units;
    return { units, unitMs, sharedMs, mergeMs: merge === 'rows' ? 0 : product(outputs[0].shape) * kMergeMs };
  });
}

module.exports = { SplitJobs };
