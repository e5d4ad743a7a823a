// Models of texts on a context.
'use strict';
const { loadModelOn } = require('../core');

/** @typedef {import('../core').GPUError} GPUError */

class ContextModels {
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
}

module.exports = { ContextModels };
