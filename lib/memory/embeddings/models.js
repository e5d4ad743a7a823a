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

  /** @param {Owner} owner */
  constructor(owner) {
    this.#owner = owner;
  }

  /**
   * @param {unknown} given a TextModel, or where one is: the default one when left out
   * @param {() => WaitOptions} rest
   * @returns {Promise<TextModel>}
   */
  async get(given, rest) {
    if (isModel(given)) return given;
    const source = given ?? defaultModel;
    if (typeof source !== 'string' && Object.prototype.toString.call(source) !== '[object URL]')
      throw invalid(
        `model is ${show(given)}, but must be a TextModel, a folder, a file: URL or the name of a package`,
        'options.model',
      );
    const key = String(source);
    let loading = this.#loaded.get(key);
    if (!loading) {
      loading = loadModelOn(this.#owner.of, source, undefined);
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
