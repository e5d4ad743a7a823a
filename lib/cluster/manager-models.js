// Models of texts and indexes of vectors on a manager.
'use strict';
const { Listened, loadModelOn, createIndexOn } = require('../core');

/** @typedef {import('../core').GPUError} GPUError */
/**
 * What those above the cluster need of a manager that isn't public: its settings, named tensors, whether it is closed,
 * and its contexts with their devices.
 * @typedef {object} Inside
 * @property {import('../config/config').Config} config
 * @property {unknown} logger
 * @property {import('./worker/named-tensors').NamedTensors} names
 * @property {() => void} checkOpen throws ERR_CLOSED
 * @property {() => readonly import('./wire/messages').ContextEntry[]} contexts
 * @property {import('../core/log').Logger} log
 * @property {import('./worker/shared-resources').SharedResources} resources
 * @property {number} workerId
 * @property {import('./worker/kept-results').KeptResults} kept results of jobs with `cache: true`
 * @property {() => Promise<boolean>} isInCluster
 */

class ManagerModels extends Listened {
  /**
   * Loads a model of texts: its weights lie on this machine once, in memory that all processes of the cluster share.
   * @param {string|URL} source a folder, a file: URL, or the name of a package that is known: `gpu.defaultModel`
   * @param {import('../index').LoadModelOptions} [options] precision, maxLength, contextType, signal, onProgress
   * @returns {Promise<import('../index').TextModel>}
   * @throws {GPUError} (rejects with) ERR_NOT_FOUND: there is no such folder or package; ERR_INVALID_ARGUMENT: it is no
   *   model, or a file of it is damaged; ERR_UNSUPPORTED: it has what is not built here, which is named, or no context
   *   could be opened; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_CANCELED; ERR_TIMEOUT; ERR_CLOSED
   * @example
   * const model = await manager.loadModel('./models/all-MiniLM-L6-v2');
   * const { embeddings } = await model.embed(['a text', 'another'], { timeout: 5000 });
   */
  async loadModel(source, options) {
    return loadModelOn(this, source, options);
  }

  /**
   * Makes an index of vectors, of this process; searched on the contexts of all.
   * @param {import('../index').IndexOptions} options dimensions, metric ('cosine'), dtype ('float32')
   * @returns {Promise<import('../index').VectorIndex>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example
   * const index = await manager.createIndex({ dimensions: 2 });
   * await index.add(['a', 'b'], [[1, 0], [0, 1]], { metadata: [{ year: 1990 }, { year: 2020 }] });
   * const { ids, scores } = await index.search([1, 0.5], { k: 1, filter: { year: { $gte: 2000 } } });
   */
  async createIndex(options) {
    return createIndexOn(this, options);
  }
}

module.exports = { ManagerModels };
