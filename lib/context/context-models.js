// Models of texts and indexes of vectors on a context, and how full its memory is.
'use strict';
const { setInterval, clearInterval } = require('node:timers');
const { loadModelOn, createIndexOn, Listened, tell } = require('../core');
const { readTierSettings } = require('../config');
const { Tier, pressureEvent } = require('../pressure');

/** @typedef {import('../core').GPUError} GPUError */
/** @typedef {{ id: string, closed: boolean, memoryUsage: import('../index').MemoryUsage }} Context */

const kLookMs = 1000;

/**
 * @param {WeakRef<Context>} context
 * @param {WeakRef<Tier>} tier
 */
function watch(context, tier) {
  const timer = setInterval(() => {
    if (context.deref()?.closed === false) tier.deref()?.look();
    else clearInterval(timer);
  }, kLookMs);
  timer.unref();
}

class ContextModels extends Listened {
  /** @type {Tier|undefined} */
  #tier;

  constructor() {
    super();
    Listened.whenHeard(this, 'memory-pressure', () => ContextModels.tierOf(this));
  }

  /**
   * Its memory as a tier, which is looked at once a second from the first call on, until it is closed. A context that
   * nobody holds any more is let go of all the same.
   * @param {ContextModels} of
   * @returns {Tier}
   */
  static tierOf(of) {
    if (of.#tier) return of.#tier;
    const context = /** @type {Context} */ (/** @type {unknown} */ (of));
    const tier = new Tier({
      tier: 'device',
      of: context.id,
      read: () => context.memoryUsage,
      fullWithinMs: readTierSettings().memoryFullWithin,
      onChange: (status) => tell(of, 'memory-pressure', pressureEvent(status, { workerId: 0, contextId: context.id })),
    });
    of.#tier = tier;
    watch(new WeakRef(context), new WeakRef(tier));
    return tier;
  }

  /**
   * Loads a model of texts: its weights lie in this process, on a GPU on the device, once for all that load it here.
   * @param {string|URL} source a folder, a file: URL, or the name of a package that is known: `gpu.defaultModel`
   * @param {import('../index').LoadModelOptions} [options] precision, maxLength, signal, onProgress
   * @returns {Promise<import('../index').TextModel>}
   * @throws {GPUError} (rejects with) ERR_NOT_FOUND: there is no such folder or package; ERR_INVALID_ARGUMENT: it is no
   *   model, or a file of it is damaged; ERR_UNSUPPORTED: it has what is not built here, which is named;
   *   ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_CANCELED; ERR_CLOSED
   * @example
   * const model = await context.loadModel('./models/all-MiniLM-L6-v2');
   * const { embeddings } = await model.embed(['a text', 'another']);
   */
  async loadModel(source, options) {
    return loadModelOn(this, source, options);
  }

  /**
   * Makes an index of vectors, searched on this context.
   * @param {import('../index').IndexOptions} options dimensions, metric ('cosine'), dtype ('float32')
   * @returns {Promise<import('../index').VectorIndex>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example
   * const index = await context.createIndex({ dimensions: 2 });
   * await index.add(['a', 'b'], [[1, 0], [0, 1]], { metadata: [{ year: 1990 }, { year: 2020 }] });
   * const { ids, scores } = await index.search([1, 0.5], { k: 1, filter: { year: { $gte: 2000 } } });
   */
  async createIndex(options) {
    return createIndexOn(this, options);
  }
}

module.exports = { ContextModels };
