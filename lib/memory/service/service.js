// EmbeddingService: what createService() gives. The pipeline of embeddings, with what it has counted and a close of its
// own.
'use strict';
const { GPUError, nowMs } = require('../../core');
const { Latencies } = require('./latencies');

/** @typedef {import('../../index').ProcessedEmbeddings} ProcessedEmbeddings */
/** @typedef {import('../embeddings/pipeline').Pipeline} Pipeline */
/**
 * What a service runs on: a context of its own, or contexts of a manager.
 * @typedef {object} Base
 * @property {Pipeline} pipeline
 * @property {() => Promise<{ memory?: import('../../index').MemoryUsage, cluster?: object }>} figures
 * @property {() => Promise<{ status: 'ok'|'degraded'|'down', problems: string[], cluster?: object }>} health
 * @property {() => void|Promise<void>} trim
 * @property {() => Promise<void>} close
 */

class EmbeddingService {
  #base;
  #latencies = new Latencies();
  /** @type {Set<Promise<unknown>>} */
  #calls = new Set();
  /** @type {Promise<void>|undefined} */
  #closed;

  /**
   * @param {Base} base
   * @param {import('./choice').Choice} choice
   */
  constructor(base, { device, reason }) {
    this.#base = base;
    /** @readonly */
    this.device = device.id;
    /** @readonly */
    this.reason = reason;
  }

  /** Whether close() was called. */
  get closed() {
    return this.#closed !== undefined;
  }

  /**
   * @param {import('../../index').EmbeddingsRequest} request { embeddings, options } or { texts, options }
   * @param {import('../../index').EmbeddingsJobOptions} [options] signal, timeout, priority
   * @returns {Promise<ProcessedEmbeddings>}
   * @throws {GPUError} (rejects with) as processEmbeddings(); ERR_CLOSED
   * @example const { embeddings } = await service.processEmbeddings({ texts: ['a text', 'another'] });
   */
  async processEmbeddings(request, options) {
    this.#checkOpen();
    const began = nowMs();
    const call = this.#base.pipeline.process(request, options);
    this.#calls.add(call);
    try {
      const made = await call;
      this.#latencies.add(nowMs() - began);
      return made;
    } finally {
      this.#calls.delete(call);
    }
  }

  /**
   * @returns {Promise<import('../../index').ServiceMetrics>}
   * @throws {GPUError} (rejects with) ERR_CLOSED
   * @example const { calls, latency } = await service.getMetrics();
   */
  async getMetrics() {
    this.#checkOpen();
    const figures = await this.#base.figures();
    const latency = this.#latencies.percentiles();
    const own = { device: this.device, ...this.#base.pipeline.counts, latency };
    return /** @type {import('../../index').ServiceMetrics} */ ({ ...own, ...figures });
  }

  /**
   * @returns {Promise<import('../../index').ServiceHealth>}
   * @example if ((await service.health()).status === 'down') alarm();
   */
  async health() {
    const { device, reason } = this;
    if (this.closed) return { status: 'down', device, reason, problems: ['the service is closed'] };
    const health = await this.#base.health();
    return /** @type {import('../../index').ServiceHealth} */ ({ device, reason, ...health });
  }

  /**
   * Gives memory back that is there for speed alone.
   * @returns {Promise<void>}
   * @throws {GPUError} (rejects with) ERR_CLOSED
   * @example if (error instanceof ResourceError) await service.cleanup();
   */
  async cleanup() {
    this.#checkOpen();
    await this.#base.pipeline.cleanup();
    await this.#base.trim();
  }

  /**
   * No new calls; those that run end first.
   * @returns {Promise<void>}
   * @example await service.close();
   */
  close() {
    this.#closed ??= Promise.allSettled([...this.#calls]).then(async () => {
      await this.#base.pipeline.cleanup();
      await this.#base.close();
    });
    return this.#closed;
  }

  /**
   * As close(), for `await using`.
   * @returns {Promise<void>}
   * @example await using service = await createService();
   */
  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  #checkOpen() {
    if (this.#closed) throw new GPUError('ERR_CLOSED', 'the service is closed');
  }
}

module.exports = { EmbeddingService };
