// createMemory(): documents that are found by what they mean, in this process alone or on a manager.
'use strict';
const { createContext } = require('../../context');
const { insideOf } = require('../../cluster');
const { createIndexOn, loadModelOn } = require('../../core');
const { defaultModel } = require('../../text');
const { openStore } = require('../store');
const { makeMemory } = require('./create-memory');
const { Memory } = require('./memory');

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
  openStore: (/** @type {unknown} */ path) =>
    /** @type {Promise<import('./create-memory').Store>} */ (/** @type {unknown} */ (openStore(path))),
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
 * The same on a manager.
 * @param {Manager} manager
 * @param {unknown} options
 */
async function createMemoryOn(manager, options) {
  const { config, checkOpen } = insideOf(manager);
  checkOpen();
  return makeMemory({ ...partsOn(manager), isContext: false, timeout: config.timeout }, options);
}

module.exports = { createMemory, createMemoryOn, Memory };
