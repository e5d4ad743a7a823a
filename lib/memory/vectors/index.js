// Indexes of vectors: made on a manager, a context, or a context of their own.
'use strict';
const { currentManager, GPUClusterManager } = require('../../cluster');
const { createContext } = require('../../context');
const { GPUError, invalid, useIndexMaker, useMaker } = require('../../core');
const { ClusterStore, openIndexOn } = require('../cluster');
const { checkIndexOptions, checkObject } = require('./options');
const { checkOn, ownerOf } = require('./owner');
const { checkName, openStored } = require('./stored');
const { VectorIndex } = require('./vector-index');

/**
 * @param {object} of a manager or a context
 * @param {unknown} options
 * @param {boolean} [isOwn] whether the context was opened for it
 * @returns {Promise<VectorIndex>}
 */
async function makeIndex(of, options, isOwn = false) {
  const owner = ownerOf(of, isOwn);
  owner.checkOpen();
  const checked = checkIndexOptions(options);
  const { store, name } = checked;
  if (store === undefined && name === undefined) return new VectorIndex(owner, checked);
  if (store !== undefined && !(store instanceof ClusterStore)) return openStored(owner, checked);
  const manager = of instanceof GPUClusterManager ? of : currentManager();
  if (store === undefined && !(of instanceof GPUClusterManager))
    throw invalid(
      "name is given, but no store that has the index: give openStore()'s, leave it out, or ask a manager, whose " +
        'processes share indexes by their names',
      'options.name',
    );
  if (!manager) throw new GPUError('ERR_CLOSED', 'the manager is closed, in whose cluster the store is');
  return openIndexOn(manager, checked, checkName(name), store);
}

// What createIndex() of a manager and of a context does.
useIndexMaker(async (owner, options) => {
  const index = /** @type {unknown} */ (await makeIndex(owner, options));
  return /** @type {import('../../index').VectorIndex} */ (index);
});

/**
 * Makes an index on a context of its own, on the best device there is, which is closed with it.
 * @param {import('../../index').IndexOptions} options dimensions, metric, dtype; store and name
 * @returns {Promise<VectorIndex>}
 * @throws {import('../../core').GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY
 * @example
 * const index = await createIndex({ dimensions: 2 });
 * await index.add(['a', 'b'], [[1, 0], [0, 1]]);
 * const { ids, scores } = await index.search([1, 0.5], { k: 1 });
 * await index.close();
 */
async function createIndex(options) {
  const { store } = checkIndexOptions(options);
  const manager = currentManager();
  if (manager && store instanceof ClusterStore) return makeIndex(manager, options); // its owner has the contexts
  const context = await createContext();
  try {
    return await makeIndex(context, options, true);
  } catch (error) {
    await context.close();
    throw error;
  }
}

const kOfStored = new Set(['dimensions', 'metric', 'dtype', 'on']);

/**
 * What a store's index() does.
 * @param {object} store
 * @param {unknown} name
 * @param {unknown} options
 * @returns {Promise<VectorIndex>}
 */
async function indexOfStore(store, name, options) {
  const { on, ...kind } = checkObject(options, kOfStored, 'index()');
  if (name === undefined) throw invalid('name is undefined, but must be what the index is called in the store', 'name');
  const whole = /** @type {import('../../index').IndexOptions} */ ({ ...kind, store, name });
  return on === undefined ? createIndex(whole) : makeIndex(checkOn(on), whole);
}
useMaker('index', indexOfStore);

module.exports = { createIndex, VectorIndex };
