// Jobs with `cache: true` of this process: answered by a result that is kept, or asked for, as equal jobs of all
// processes are once, and kept then.
'use strict';
const v8 = require('node:v8');
const { keyOf, nextId, resultOf, inCluster, timingsOf } = require('../../call');
const { asGpuError, nowMs } = require('../../core');
const { packed, unpacked, isWhole, fits } = require('./kept-outputs');

/** @typedef {import('../../call/describe').AnyCall} AnyCall */
/** @typedef {import('../../index').GPUResult} GPUResult */
/** @typedef {import('./job-options').JobOptions} JobOptions */
/** @typedef {import('./needs').Need} Need */
/** @typedef {import('../../result-cache/entry').Entry} Entry */
/** @typedef {Extract<ReturnType<typeof keyOf>, { numbers: number[] }>} JobKey */
/**
 * A job and what is needed to ask for it.
 * @typedef {{ call: AnyCall, workload: unknown, options: JobOptions, need: Need }} Asked
 */
/**
 * @typedef {object} KeptParts
 * @property {number} workerId
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {import('./context-registry').ContextRegistry} registry
 * @property {import('./job-events').JobEvents} events
 * @property {import('./ran-jobs').RanJobs} ran
 * @property {import('../../operations').DeviceUse} use
 * @property {() => import('../../metrics/metrics').MetricsBlock|undefined} metrics
 * @property {(asked: Asked, digest: number[]) => Promise<GPUResult>} ask the coordinator
 */

/** @type {import('../../result-cache/entry').Made} */
const kNowhere = { contextId: '', contextType: 'cpu', device: '', deviceName: '', workerId: -1, cost: 0 };

class KeptResults {
  /** @type {import('../../result-cache').ResultCache|undefined} */
  #cache;
  #isPaused = false;

  /** @param {KeptParts} parts */
  constructor(parts) {
    this.parts = parts;
    const { redisUrl } = parts.config;
    // What is missing is told as the manager is made, and not by the first job.
    if (redisUrl !== undefined) require('../../result-cache').requireRedis();
  }

  /** Made by the first job that wants it: others load nothing for it. */
  get cache() {
    if (!this.#cache) {
      const { ResultCache } = require('../../result-cache');
      this.#cache = new ResultCache(this.parts.config, this.parts.log, { isWhole });
      this.#cache.isPaused = this.#isPaused;
    }
    return this.#cache;
  }

  /** What the last run has used last is loaded, where it is kept. */
  warmUp() {
    if (this.parts.config.cacheDir !== undefined) this.cache.warmUp();
  }

  /** @param {boolean} isPaused nothing is loaded ahead of its need, nor copied to slower tiers */
  pause(isPaused) {
    this.#isPaused = isPaused;
    if (this.#cache) this.#cache.isPaused = isPaused;
  }

  /** @returns {import('../../index').ResultTier[]|undefined} undefined: no job has wanted it */
  use() {
    return this.#cache?.use();
  }

  /**
   * What was made for a question before, or is made now, and kept in this process's memory until its tag is dropped.
   * @template T
   * @param {string} key
   * @param {string} tag
   * @param {() => Promise<T>} make what can be serialized
   * @returns {Promise<T>} the caller's own
   */
  async recall(key, tag, make) {
    const { cache } = this;
    const metrics = this.parts.metrics();
    const entry = cache.get(key);
    if (entry) {
      metrics?.cacheHit();
      return v8.deserialize(entry.data);
    }
    metrics?.cacheMiss();
    const value = await make();
    const data = v8.serialize(value);
    if (data.byteLength <= cache.mostBytes) cache.put(key, undefined, { outputs: [], data, made: kNowhere }, tag);
    return value;
  }

  /** @param {string} tag whose answers can't be right any more */
  dropTag(tag) {
    this.#cache?.drop(tag);
  }

  /** @param {string} model that is away: results that only it could make go */
  dropModel(model) {
    this.#cache?.drop(tagOfModel(model));
  }

  trim() {
    this.#cache?.trim();
  }

  async close() {
    await this.#cache?.close();
  }

  /**
   * @param {AnyCall} call
   * @param {unknown} workload
   * @param {JobOptions} options
   * @param {Need} need
   * @returns {Promise<GPUResult>}
   */
  run(call, workload, options, need) {
    const began = nowMs();
    const asked = { call, workload, options, need };
    const key = keyOf(call, options.contextType);
    if (key instanceof Promise) {
      asked.call = call.keep();
      return this.#runLater(asked, key, began);
    }
    return this.#runNow(asked, key, began);
  }

  /**
   * It is asked for as it was described before, whatever becomes of its program meanwhile.
   * @param {Asked} asked whose call was kept
   * @param {Promise<JobKey>} coming
   * @param {number} began
   */
  async #runLater(asked, coming, began) {
    let key;
    try {
      key = await coming;
    } catch (error) {
      throw this.parts.events.failed(asked.workload, asGpuError(error));
    }
    return this.#runNow(asked, key, began);
  }

  /**
   * @param {Asked} asked
   * @param {JobKey} key
   * @param {number} began
   * @returns {Promise<GPUResult>}
   */
  #runNow(asked, key, began) {
    const { cache } = this;
    if (!this.#canBeMade(asked.need)) {
      cache.forget(key.text);
      return this.parts.ask(asked, key.numbers);
    }
    const entry = cache.get(key.text);
    if (entry && fits(entry, asked.call)) return Promise.resolve(this.#answer(entry, asked, began));
    if (!cache.hasSlow || entry) return this.#ask(asked, key, undefined);
    asked.call = asked.call.keep();
    return this.#find(asked, key, began);
  }

  /**
   * What only a device could make that is away is as good as gone: its answer may be the device's own.
   * @param {Need} need
   */
  #canBeMade(need) {
    const { registry } = this.parts;
    return need.type === '' || !registry.entries.length || registry.bestRankFor(need) < Infinity;
  }

  /**
   * @param {Asked} asked whose call was kept
   * @param {JobKey} key
   * @param {number} began
   */
  async #find(asked, key, began) {
    const name = await key.name;
    const entry = name === undefined ? undefined : await this.cache.find(key.text, name, tagOf(asked));
    const { signal } = asked.options;
    if (entry && !signal?.aborted && fits(entry, asked.call)) return this.#answer(entry, asked, began);
    const { timeout = this.parts.config.timeout } = asked.options;
    if (timeout !== Infinity) asked.options = { ...asked.options, timeout: Math.max(1, timeout - (nowMs() - began)) };
    return this.#ask(asked, key, name);
  }

  /**
   * @param {Asked} asked
   * @param {JobKey} key
   * @param {string|undefined} name
   */
  async #ask(asked, key, name) {
    const { cache } = this;
    const tag = tagOf(asked);
    const hadOnce = cache.hadOnce(key.text);
    const { counted } = asked.call;
    const result = await this.parts.ask(asked, key.numbers);
    if (hadOnce && !result.cached) {
      const where = this.parts.registry.named(result.contextId);
      this.parts.use.ranAgain(where, counted, result.cost, asked.options.account);
    }
    const data = packed(result.outputs, cache.mostBytes);
    if (data) {
      const outputs = Object.entries(result.outputs).map(([output, { dtype, shape }]) => ({
        name: output,
        dtype,
        shape: [...shape],
      }));
      // Whoever has made it hands it on to slower tiers.
      cache.put(key.text, result.cached ? undefined : name, { outputs, data, made: this.#madeBy(result) }, tag);
    }
    return result;
  }

  /**
   * @param {GPUResult} result
   * @returns {import('../../result-cache/entry').Made}
   */
  #madeBy({ contextId, contextType, deviceName, workerId, cached, cost, timings }) {
    const { device } = this.parts.registry.named(contextId);
    const { upload, compute, readback } = timings;
    const price = cached ? this.parts.use.priceOf({ device, deviceName, contextType }) : 0;
    return {
      contextId,
      contextType,
      device,
      deviceName,
      workerId,
      cost: cached ? price * (upload + compute + readback) : cost,
    };
  }

  /**
   * @param {Entry} entry
   * @param {Asked} asked
   * @param {number} began
   * @returns {GPUResult}
   */
  #answer(entry, { call, options }, began) {
    const { made } = entry;
    const { workerId, events, ran, use } = this.parts;
    const metrics = this.parts.metrics();
    const outputs = unpacked(entry, call.targets);
    const number = (call.number = nextId());
    const id = call.id ?? `job-${workerId}-${number}`;
    const { contextId, contextType, deviceName } = made;
    const timings = timingsOf(0, 0, 0, 0, 0, nowMs() - began);
    metrics?.completed(call.counted, timings, 0);
    metrics?.cacheHit();
    ran.addKept(number, call.id, call.counted, contextId, began, timings.total);
    use.wasKept({ device: made.device, deviceName, contextType }, call.counted, made.cost, options.account);
    const result = resultOf(outputs, id, contextId, contextType, deviceName, timings);
    return events.completed(call.type, inCluster(result, made.workerId, true, 1, 0, 0));
  }
}

/** @param {string} model */
function tagOfModel(model) {
  return `model ${model}`;
}

/**
 * A model's results go when it is away.
 * @param {Asked} asked
 */
function tagOf({ options: { account } }) {
  return account?.model === undefined ? undefined : tagOfModel(account.model);
}

module.exports = { KeptResults };
