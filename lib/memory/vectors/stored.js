// Indexes that lie in a store, under their names. Each is open once: two that write would not know of each other.
'use strict';
const { GPUError, invalid, show } = require('../../core');
const { Store, collectionOf, diskOf } = require('../store');
const { VectorIndex } = require('./vector-index');

/** @typedef {import('./owner').Owner} Owner */
/** @typedef {ReturnType<typeof import('./options').checkIndexOptions>} Checked */

const kMostNameBytes = 200;

/** @type {WeakMap<Store, Set<string>>} the names that are open */
const open = new WeakMap();

/** @param {unknown} name */
function checkName(name) {
  if (
    typeof name !== 'string' ||
    name === '' ||
    Buffer.byteLength(name) > kMostNameBytes ||
    /[\ud800-\udfff]/u.test(name)
  )
    throw invalid(
      `name is ${show(name)}, but must be a string of 1 to ${kMostNameBytes} bytes: its name in the store`,
      'options.name',
    );
  return name;
}

/**
 * Opens the index of that name in the store; there is a new one where there was none.
 * @param {Owner} owner
 * @param {Checked} options
 * @returns {Promise<VectorIndex>}
 */
async function openStored(owner, options) {
  const { store } = options;
  if (!(store instanceof Store))
    throw invalid(`store is ${show(store)}, but must be one of openStore()`, 'options.store');
  const name = checkName(options.name);
  const names = open.get(store) ?? new Set();
  open.set(store, names);
  if (names.has(name))
    throw new GPUError('ERR_INVALID_ARGUMENT', `the index '${name}' of this store is open already: close() it first`);
  names.add(name);
  const onClosed = () => names.delete(name);
  try {
    const collection = await collectionOf(store, `index/${name}`);
    return await VectorIndex.recover(
      new VectorIndex(owner, options, {}, { collection, disk: diskOf(store), onClosed }),
    );
  } catch (error) {
    onClosed();
    throw error;
  }
}

module.exports = { checkName, openStored };
