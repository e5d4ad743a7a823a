// The models that texts are embedded with: one that the caller has, or one that is loaded here, once, and kept.
'use strict';
const { invalid, loadModelOn, show } = require('../../core');
const { defaultModel } = require('../../text');
const { orGivenUp } = require('./waiting');

/** @typedef {import('../../index').TextModel} TextModel */
/** @typedef {import('../../index').WaitOptions} WaitOptions */
/** @typedef {import('../../text/owners').Owner} Owner */

class Models {
  /** @type {Map<string, Promise<TextModel>>} by where they are */
  #loaded = new Map();
  #owner;
  #contextType;

  /**
   * @param {Owner} owner
   * @param {import('../../index').Backend} [contextType]
   */
  constructor(owner, contextType) {
    this.#owner = owner;
    this.#contextType = contextType;
  }

  /**
   * @param {unknown} given a TextModel, or where one is: the default one when left out
   * @param {readonly string[]} texts
   * @param {() => import('../../index').EmbedOptions} rest
   * @returns {Promise<{ embeddings: import('../../index').Tensor, digest: string }>}
   */
  async embed(given, texts, rest) {
    for (;;) {
      const model = isModel(given) ? given : await this.#get(given, rest);
      try {
        const { priority, ...job } = rest();
        // On a context alone models have no priorities.
        const options = this.#owner.isContext || priority === undefined ? job : { ...job, priority };
        const { embeddings } = await model.embed(texts, options);
        return { embeddings, digest: model.digest };
      } catch (error) {
        // One that was let go of in between is loaded again.
        if (error.code !== 'ERR_CLOSED' || isModel(given) || !model.closed) throw error;
        this.#owner.checkOpen();
      }
    }
  }

  /**
   * @param {unknown} given
   * @param {() => WaitOptions} rest
   * @returns {Promise<TextModel>}
   */
  async #get(given, rest) {
    const source = given ?? defaultModel;
    if (typeof source !== 'string' && Object.prototype.toString.call(source) !== '[object URL]')
      throw invalid(
        `model is ${show(given)}, but must be a TextModel, a folder, a file: URL or the name of a package`,
        'options.model',
      );
    const key = String(source);
    let loading = this.#loaded.get(key);
    if (!loading) {
      loading = loadModelOn(this.#owner.of, source, { contextType: this.#contextType });
      this.#loaded.set(key, loading);
      loading.catch(() => this.#loaded.delete(key));
    }
    return orGivenUp(loading, rest());
  }

  /** Lets go of those that were loaded here, once their calls have ended. */
  async close() {
    const all = [...this.#loaded.values()];
    this.#loaded.clear();
    await Promise.all(all.map(async (loading) => (await loading.catch(() => undefined))?.close()));
  }
}

/**
 * @param {unknown} given
 * @returns {given is TextModel}
 */
function isModel(given) {
  return typeof (/** @type {Partial<TextModel>} */ (given ?? {}).embed) === 'function';
}

module.exports = { Models, isModel };
