// How models are loaded: the room for text lies above those whose classes offer it, and gives its function here.
'use strict';

/** @typedef {(owner: object, source: unknown, options: unknown) => Promise<import('../index').TextModel>} LoadModel */

/** @type {LoadModel|undefined} */
let loader;

/** @param {LoadModel} load */
function useModelLoader(load) {
  loader = load;
}

/**
 * @param {object} owner a manager or a context, on which the model runs
 * @param {unknown} source
 * @param {unknown} options
 */
async function loadModelOn(owner, source, options) {
  if (!loader) throw new TypeError('lib/text was not loaded, which loads models');
  return loader(owner, source, options);
}

module.exports = { useModelLoader, loadModelOn };
