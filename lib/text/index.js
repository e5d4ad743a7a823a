// Text: models from a folder, tokenizers, embeddings and scores, on a manager, a context, or a context of their own.
'use strict';
const { useModelLoader } = require('../core');
const { createContext } = require('../context');
const { bestSize } = require('./best-size');
const { loadFor, loadTokenizer } = require('./load');
const { TextModel } = require('./model');
const { ownerOf, contextOwner } = require('./owners');
const { defaultModel } = require('./source');

// What loadModel() of a manager and of a context does.
useModelLoader(async (owner, source, options) => {
  const model = /** @type {unknown} */ (await loadFor(ownerOf(owner), source, options));
  return /** @type {import('../index').TextModel} */ (model);
});

/**
 * Loads a model onto a context of its own, on the best device there is, which is closed with it.
 * @param {string|URL} source a folder, a file: URL, or the name of a package that is known: `gpu.defaultModel`
 * @param {import('../index').LoadModelOptions} [options] precision, maxLength, signal, onProgress
 * @returns {Promise<TextModel>}
 * @throws {import('../core').GPUError} (rejects with) ERR_NOT_FOUND: there is no such folder or package;
 *   ERR_INVALID_ARGUMENT: it is no model, or a file of it is damaged; ERR_UNSUPPORTED: it has what is not built here,
 *   which is named; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_CANCELED; ERR_CLOSED
 * @example
 * const model = await loadModel('./models/all-MiniLM-L6-v2');
 * const { embeddings } = await model.embed(['a text', 'another']);
 * await model.close();
 */
async function loadModel(source, options) {
  const context = await createContext();
  try {
    return await loadFor(contextOwner(context, { isOwn: true }), source, options);
  } catch (error) {
    await context.close();
    throw error;
  }
}

/**
 * Loads a model as a context's loadModel() does, but measures nothing: with what was measured before, else in float32.
 * @param {import('../context').GPUContext} context
 * @param {string|URL} source
 * @param {import('../index').LoadModelOptions} options
 * @returns {Promise<import('../index').TextModel>}
 */
async function loadUnmeasured(context, source, options) {
  const model = /** @type {unknown} */ (await loadFor(contextOwner(context, { measures: false }), source, options));
  return /** @type {import('../index').TextModel} */ (model);
}

module.exports = {
  loadModel,
  loadUnmeasured,
  loadTokenizer,
  defaultModel,
  TextModel,
  ownerOf,
  contextOwner,
  bestSize,
};
