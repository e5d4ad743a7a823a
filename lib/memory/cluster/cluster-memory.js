// Memory in a cluster: documents that all of its processes remember and recall; the owner of their store cuts, embeds
// and searches, on the contexts of all.
'use strict';
const { GPUError } = require('../../core');
const { Memory } = require('../documents/memory');
const { checkForget, checkRecall, checkRemember } = require('../documents/options');

/** @typedef {import('./shared-store').SharedStore} SharedStore */
/** @typedef {import('./host-memories').Described} Described */
/** @typedef {import('../../index').JobOptions} JobOptions */

class ClusterMemory extends Memory {
  #shared;
  #memory;
  #leave;
  #close;
  /** @type {Set<Promise<unknown>>} */
  #underWay = new Set();
  /** @type {Promise<void>|undefined} */
  #closing;

  /**
   * @param {{ shared: SharedStore, memory: Described, leave: () => boolean, close: () => Promise<void> }} parts
   *   `leave`: whether nobody in this process has it open any more
   */
  constructor({ shared, memory, leave, close }) {
    super(/** @type {never} */ (/** @type {unknown} */ (undefined))); // all that uses it is done here
    this.#shared = shared;
    this.#memory = memory;
    this.#leave = leave;
    this.#close = close;
  }

  get closed() {
    return this.#closing !== undefined;
  }

  /**
   * @template T
   * @param {() => Promise<{ value: unknown }>} call
   * @returns {Promise<T>}
   */
  async #call(call) {
    if (this.#closing) throw new GPUError('ERR_CLOSED', 'the memory is closed');
    const running = call();
    this.#underWay.add(running);
    try {
      return /** @type {T} */ ((await running).value);
    } finally {
      this.#underWay.delete(running);
    }
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} given
   * @param {JobOptions} job
   */
  #within(name, given, { signal, timeout }) {
    const isCancelable = signal !== undefined || timeout !== undefined;
    return this.#shared.callWithin({ name, memory: this.#memory, ...given, isCancelable }, [], { signal, timeout });
  }

  /**
   * @param {Parameters<Memory['remember']>[0]} documents
   * @param {import('../../index').RememberOptions} [options] metadata, and those of jobs
   * @returns {Promise<import('../../index').Remembered>}
   */
  remember(documents, options) {
    return this.#call(async () => {
      const { documents: list, job } = checkRemember(documents, options, false);
      return this.#within('memory.remember', { documents: list, job: withoutWaiting(job) }, job);
    });
  }

  /**
   * @param {string} query
   * @param {import('../../index').RecallOptions} [options] k, filter, rerank, and those of jobs
   * @returns {Promise<import('../../index').Recalled[]>}
   */
  recall(query, options) {
    return this.#call(async () => {
      const reranks = this.#memory.reranker !== undefined;
      const { job, ...own } = checkRecall(query, options, { isContext: false, reranks });
      return this.#within('memory.recall', { query, recall: { ...own, ...withoutWaiting(job) } }, job);
    });
  }

  /**
   * @param {import('../../index').Forgotten} what { ids } or { filter }
   * @returns {Promise<number>} documents that were there
   */
  forget(what) {
    return this.#call(async () => {
      const checked = checkForget(what);
      return this.#shared.write({ name: 'memory.forget', memory: this.#memory, what: checked });
    });
  }

  /** @returns {Promise<import('../../index').DocumentStats>} */
  stats() {
    return this.#call(() => this.#shared.call({ name: 'memory.stats', memory: this.#memory }));
  }

  /** @returns {Promise<void>} of this process's: the last one of the cluster closes it */
  close() {
    this.#closing ??= (async () => {
      await Promise.allSettled(this.#underWay);
      if (this.#leave()) await this.#shared.call({ name: 'memory.close', memory: this.#memory }).catch(() => {});
      await this.#close();
    })();
    return this.#closing;
  }
}

/** @param {JobOptions} job */
function withoutWaiting({ signal, timeout, ...others }) {
  return others;
}

module.exports = { ClusterMemory };
