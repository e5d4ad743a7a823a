// createMemory(): documents that are found by what they mean, in this process alone or on a manager.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { createContext } = require('../../context');
const { insideOf } = require('../../cluster');
const { createIndexOn, invalid, loadModelOn, show } = require('../../core');
const { defaultModel } = require('../../text');
const { ClusterStore, openMemoryOn } = require('../cluster');
const { openStore } = require('../store');
const { makeMemory } = require('./create-memory');
const { Memory } = require('./memory');
const { checkMemory } = require('./options');

/** @typedef {import('../../cluster/manager').GPUClusterManager} Manager */

/**
 * What a memory is put together of, on a manager or a context.
 * @param {object} owner
 */
const partsOn = (owner) => ({
  defaultModel,
  loadModel: (/** @type {unknown} */ source) => loadModelOn(owner, source, undefined),
  createIndex: (/** @type {object} */ options) =>
    /** @type {Promise<import('./memory').Index>} */ (/** @type {unknown} */ (createIndexOn(owner, options))),
  openStore: (/** @type {unknown} */ folder) =>
    /** @type {Promise<import('./create-memory').Store>} */ (/** @type {unknown} */ (openStore(folder))),
});

/**
 * Texts that are remembered by what they mean, on a context of their own, on the best device there is.
 * @param {import('../../index').MemoryOptions} [options] model, store or path, name, chunk, dtype, reranker
 * @returns {Promise<Memory>}
 * @throws {import('../../core').GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_NOT_FOUND: there is no such model;
 *   ERR_UNSUPPORTED; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; what opening the store is refused with
 * @example
 * const memory = await createMemory({ path: './memory' });
 * await memory.remember({ id: 'mit', text });
 * const [best] = await memory.recall('may I sell it?', { k: 1 });
 */
async function createMemory(options) {
  const context = await createContext();
  return makeMemory({ ...partsOn(context), isContext: true, timeout: Infinity, close: () => context.close() }, options);
}

/**
 * The same on a manager; in a cluster, with a store, a path or a name of its own, one memory for all of its processes.
 * @param {Manager} manager
 * @param {unknown} given
 */
async function createMemoryOn(manager, given) {
  const { config, checkOpen, isInCluster } = insideOf(manager);
  checkOpen();
  const { path: folder, store, name, dtype, chunk, model, reranker } = checkMemory(given);
  const isNamed = /** @type {{ name?: unknown }|undefined} */ (given)?.name !== undefined;
  const isShared = store instanceof ClusterStore || (store === undefined && (folder !== undefined || isNamed));
  if (isShared && (await isInCluster())) {
    const models = { model: sourceOf(model, 'model'), reranker: sourceOf(reranker, 'reranker') };
    const memory = JSON.parse(JSON.stringify({ name, dtype, chunk, ...models })); // without what is left out
    return openMemoryOn(manager, memory, /** @type {ClusterStore|string|URL|undefined} */ (store ?? folder));
  }
  return makeMemory({ ...partsOn(manager), isContext: false, timeout: config.timeout }, given);
}

/**
 * Where a model is, as another process finds it.
 * @param {unknown} given
 * @param {string} name of the option
 */
function sourceOf(given, name) {
  if (given === undefined) return undefined;
  if (Object.prototype.toString.call(given) === '[object URL]') return String(given);
  if (typeof given !== 'string')
    throw invalid(
      `${name} is ${show(given)}, but a memory that the processes of a cluster share loads its models itself: give ` +
        'the folder, the file: URL or the name of a package that it is loaded from',
      `options.${name}`,
    );
  return fs.existsSync(given) ? path.resolve(given) : given;
}

module.exports = { createMemory, createMemoryOn, Memory };
