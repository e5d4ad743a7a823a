// Indexes of vectors: made on a manager, a context, or a context of their own.
'use strict';
const { createContext } = require('../../context');
const { invalid, useIndexMaker, useMaker } = require('../../core');
const { checkIndexOptions, checkObject } = require('./options');
const { checkOn, ownerOf } = require('./owner');
const { openStored } = require('./stored');
const { VectorIndex } = require('./vector-index');

/**
 * @param {import('./owner').Owner} owner
 * @param {unknown} options
 */
async function makeIndex(owner, options) {
  owner.checkOpen();
  const checked = checkIndexOptions(options);
  if (checked.store === undefined && checked.name !== undefined)
    throw invalid(
      "name is given, but no store that has the index: give openStore()'s, or leave it out",
      'options.name',
    );
  return checked.store === undefined ? new VectorIndex(owner, checked) : openStored(owner, checked);
}

// What createIndex() of a manager and of a context does.
useIndexMaker(async (owner, options) => {
  const index = /** @type {unknown} */ (await makeIndex(ownerOf(owner), options));
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
  checkIndexOptions(options);
  const context = await createContext();
  try {
    return await makeIndex(ownerOf(context, true), options);
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
  return on === undefined ? createIndex(whole) : makeIndex(ownerOf(checkOn(on)), whole);
}
useMaker('index', indexOfStore);

module.exports = { createIndex, VectorIndex };
