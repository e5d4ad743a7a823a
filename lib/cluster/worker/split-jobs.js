// Jobs with `split: true`: cut by rows into parts, each an ordinary job that is meant for one device, whose outputs are
// written side by side. To its caller it stays one job: one id, one result or one error.
'use strict';
const { digestOf, nextId, track, settle, unwatch, holdAgain, isShared, costMs } = require('../../call');
const { kArrays, kDTypes, product, sharedArray } = require('../../call');
const { asGpuError, invalid, nowMs } = require('../../core');
const { timeText } = require('../journal');
const { Asks, kNoDigest } = require('./asks');
const { tellOfCopies } = require('./copied-again');
const { queueFull } = require('./early-jobs');
const { JobEvents, lateText } = require('./job-events');
const { SplitPart, runParts } = require('./split-parts');
const { SplitPlanner } = require('./split-plan');
const { mergeInto, partText, inPart, partOf, resultOfParts } = require('./split-result');

/** @typedef {import('../../call/built-in-call').BuiltInCall} BuiltInCall */
/** @typedef {import('../../addon/native').NativeSplits} NativeSplits */
/** @typedef {import('../../addon/native').NativeSplit} NativeSplit */
/** @typedef {import('../../index').GPUResult} GPUResult */
/** @typedef {import('../../index').TensorData} TensorData */
/** @typedef {import('../../core').GPUError} GPUError */
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
 * @property {JobOptions|undefined} options
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
  /** @type {(question: SplitQuestion) => Promise<SplitTarget[]>} where parts may run, once there are contexts */
  targets = () => Promise.resolve([]);

  /** @param {SplitJobsParts} parts */
  constructor(parts) {
    this.parts = parts;
    const { workerId, config, registry, events, own } = parts;
    /** Of the parts. */
    this.asks = new Asks({ workerId, config, registry, own, events: new NoEvents(events.emitter, registry, workerId) });
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
    if (this.#size >= config.queueLimit) throw queueFull(config.queueLimit);
    const facts = call.splits();
    const timeout = options?.timeout ?? config.timeout;
    const number = nextId();
    const id = call.id ?? `job-${workerId}-${number}`;
    const started = nowMs();
    const kept = /** @type {BuiltInCall} */ (call.keep());
    const workload = { .../** @type {Record<string, unknown>} */ (given) };
    /** @type {SplitJob} */
    const job = { number, id, call: kept, workload, options, need, facts, started, timeout, isOver: false };
    const cost = costMs(facts.flops, facts.bytes);
    own.begun(number, call.id, call.counted, options, started, started + timeout, cost, undefined);
    own.say(number, 'waits to hear which devices its parts may run on');
    const held = holdShared(workload.inputs, options?.into);
    ++this.#size;
    const watched = { signal: options?.signal, timeout };
    const waited = track(number, watched, [job, held], asItIs, () => this.#giveUp(job));
    this.#start(job)
      .then(
        (result) => settle(number, null, result),
        (error) => settle(number, asGpuError(error), undefined),
      )
      .finally(() => {
        --this.#size;
        for (const tensor of held) tensor.release();
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
      plan = this.#planner.plan(call.type, waysOf(job), targets);
      if (plan && options?.cache) digest = await digestOf(call, options.contextType);
    } catch (error) {
      if (job.isOver) return undefined;
      throw this.#failed(job, asGpuError(error));
    }
    if (job.isOver) return undefined;
    unwatch(number); // whoever runs it has both its signal and its time
    if (!plan) return this.#runWhole(job);
    return this.#runSplit(job, facts.splits[plan.way], plan.parts, digest);
  }

  /** @param {SplitJob} job */
  async #runWhole(job) {
    const { number, call, workload, options, need, timeout, started } = job;
    this.parts.own.left(number);
    const waited = nowMs() - started;
    try {
      const result = await this.parts.runWhole(call, workload, { ...options, timeout: leftOf(job) }, need);
      result.timings.queued += waited;
      result.timings.total += waited;
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
    const cut = inputs.flatMap(({ name }, i) => (split.axes[i] ? [name] : []));
    try {
      const outputs = outputsOf(call, job.facts, split);
      const params = { .../** @type {Record<string, unknown>} */ (workload.params) };
      const onCopies = once(() => tellOfCopies(call)); // its parts copy it once
      const rest = { ...options, into: undefined, timeout: leftOf(job), onCopies };
      const whole = { type: call.type, asks: this.asks, need, options: rest, digest, split, inputs, params, outputs };
      const parts = planned.map((part, i) => new SplitPart(whole, part, `${id.slice(0, kLongestId)}/${i + 1}`));
      const names = parts.map((part) => `'${part.id}'`);
      const texts = parts.map((part, i) => partText(i, parts.length, cut, part));
      const meant = texts.map((text, i) => `${text}: meant for ${planned[i].target.id}`);
      own.say(number, `runs in ${names.length} parts: ${names.join(', ')}`, meant);
      const asked = nowMs();
      const { results, last } = await runParts(parts, (error, i) =>
        inPart(error, texts[i], lateText(parts[i].id, call.type, rest.timeout), lateText(id, call.type, job.timeout)),
      );
      if (split.merge !== 'rows') mergeInto(split, planned, results, outputs);
      const result = resultOfParts(job, planned, cut, outputs, results, last, asked);
      own.say(
        number,
        '',
        texts.map(
          (text, i) => `${text}: ${results[i].contextId}, ${timeText(results[i].timings.compute)} of computing`,
        ),
      );
      own.ended(number, result.timings);
      metrics()?.completed(call.counted, result.timings, 1);
      return events.completed(call.type, result);
    } catch (error) {
      throw this.#failed(job, asGpuError(error));
    }
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

/**
 * Shared tensors that a job uses stay until its parts hold them, whatever becomes of them meanwhile.
 * @param {...unknown} owners of tensors by name
 */
function holdShared(...owners) {
  return owners
    .flatMap((tensors) => Object.values(/** @type {object} */ (tensors ?? {})))
    .flatMap((value) => (isShared(value) ? [holdAgain(value)] : []));
}

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
    const sharedBytes = inputs.reduce((sum, { data }, i) => sum + (axes[i] ? 0 : data.byteLength), 0);
    const sharedMs = costMs(0, sharedBytes);
    const unitMs = Math.max(costMs(flops, bytes) - sharedMs, 1e-9) / units;
    return { units, unitMs, sharedMs, mergeMs: merge === 'rows' ? 0 : product(outputs[0].shape) * kMergeMs };
  });
}

/**
 * Where the parts write: the caller's own memory, or fresh memory that every process can write to.
 * @param {BuiltInCall} call
 * @param {NativeSplits} facts
 * @param {NativeSplit} split
 * @returns {Output[]}
 */
function outputsOf({ outputs: names, targets }, { outputs }, { merge: how }) {
  return outputs.map(({ dtype, shape }, i) => {
    const given = /** @type {TensorData|undefined} */ (targets?.[i]);
    const length = product(shape);
    const data = given ?? (how === 'rows' ? sharedArray(dtype, length) : new kArrays[dtype](length));
    return { name: names[i], data, shape, dtype: kDTypes[dtype] };
  });
}

module.exports = { SplitJobs };
