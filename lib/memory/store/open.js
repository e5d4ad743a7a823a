// Opening a store, and making one of a snapshot.
'use strict';
const fs = require('node:fs/promises');
const path = require('node:path');
const { native } = require('../../addon');
const { createLogger, GPUError } = require('../../core');
const { readLogSettings } = require('../../config');
const { ended } = require('./calls');
const { checkOpening, checkPath } = require('./check');
const { Store } = require('./store');

/**
 * What an opening has found is said, where there was anything to put right.
 * @param {Store} store
 * @param {{ logLevel: string }} settings
 */
function logRecovery(store, settings) {
  const { recovery } = store.stats();
  if (recovery.wasClosed) return;
  const { records, bytes, torn } = recovery;
  createLogger(settings).warn(
    { store: store.path, records, bytes, torn },
    'the store was not closed the time before: its last records were read again, and what had not been written whole ' +
      'was cut off',
  );
}

/**
 * Opens a store in a folder, which becomes one where it is empty or is not there.
 * @param {unknown} given the folder
 * @param {unknown} [options] durable (true), readOnly (false), limit
 * @returns {Promise<Store>}
 * @throws {GPUError} (rejects with) ERR_LOCKED: it is open for writing already; ERR_DAMAGED; ERR_INVALID_ARGUMENT: the
 *   folder is no store, or may not be written; ERR_UNSUPPORTED: it is of a newer version, or of a machine with another
 *   byte order; ERR_OUT_OF_MEMORY
 * @example
 * const store = await openStore('./data');
 * await store.put('greeting', 'hello');
 * await store.close();
 */
async function openStore(given, options) {
  const folder = checkPath(given, 'path');
  const { durable, readOnly, limit } = checkOpening(options);
  const settings = readLogSettings();
  if (!readOnly) await makeParents(folder);
  const handle = await ended((id) => native.openStore(id, folder, readOnly, limit), undefined);
  const store = new Store(
    /** @type {import('../../addon/store-calls').StoreHandle} */ (handle),
    folder,
    durable,
    readOnly,
    limit,
  );
  logRecovery(store, settings);
  return store;
}

/**
 * A store that another process of this cluster owns, as it is now: to read beside it, of which nobody is told.
 * @param {string} folder absolute
 * @returns {Promise<Store>}
 */
async function openBeside(folder) {
  const handle = await ended((id) => native.openStore(id, folder, true, 0), undefined);
  return new Store(/** @type {import('../../addon/store-calls').StoreHandle} */ (handle), folder, false, true, 0);
}

/** @param {string} folder */
async function syncFolder(folder) {
  const opened = await fs.open(folder, 'r');
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

/**
 * The names of those that are made are on the disk then.
 * @param {string} folder
 */
async function makeParents(folder) {
  try {
    const first = await fs.mkdir(path.dirname(folder), { recursive: true });
    if (first === undefined) return;
    for (let made = path.dirname(folder); ; made = path.dirname(made)) {
      await syncFolder(path.dirname(made));
      if (made === first || made === path.dirname(made)) return;
    }
  } catch (error) {
    throw new GPUError('ERR_INVALID_ARGUMENT', `no folder can be made for '${folder}': ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * Makes a store of a snapshot, which stays as it is.
 * @param {unknown} snapshot
 * @param {unknown} given where the store is to be: a folder that is not there
 * @returns {Promise<void>}
 * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: there is no snapshot, or something where the store is to be;
 *   ERR_DAMAGED; ERR_UNSUPPORTED; ERR_OUT_OF_MEMORY
 * @example
 * await restoreStore('./snapshot', './restored');
 */
async function restoreStore(snapshot, given) {
  const from = checkPath(snapshot, 'snapshot'),
    to = checkPath(given, 'path');
  await makeParents(to);
  await ended((id) => native.restoreStore(id, from, to), undefined);
}

module.exports = { openStore, openBeside, restoreStore };
