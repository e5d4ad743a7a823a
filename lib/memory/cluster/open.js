// Opening a store in a cluster: who is the first to open it owns it, and everybody after that calls the owner.
'use strict';
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { insideOf } = require('../../cluster');
const { checks, openStore } = require('../store');
const { ownerOf } = require('../vectors/owner');
const { VectorIndex } = require('../vectors/vector-index');
const { ClusterIndex } = require('./cluster-index');
const { ClusterMemory } = require('./cluster-memory');
const { ClusterStore } = require('./cluster-store');
const { StoreHost } = require('./host');
const { HostIndexes } = require('./host-indexes');
const { HostMemories } = require('./host-memories');
const { SharedStore } = require('./shared-store');
const { StandBy } = require('./stand-by');

/** @typedef {import('../../cluster').GPUClusterManager} Manager */
/** @typedef {import('./host').Opening} Opening */

/** @type {WeakMap<Manager, Map<string, SharedStore>>} those that are open in this process, by key */
const open = new WeakMap();

/**
 * One path for all that lead to the same folder, which need not be there yet.
 * @param {string} folder absolute
 * @returns {string}
 */
function realPath(folder) {
  try {
    return fs.realpathSync(folder);
  } catch {
    const parent = path.dirname(folder);
    return parent === folder ? folder : path.join(realPath(parent), path.basename(folder));
  }
}

/**
 * @param {Manager} manager
 * @param {string} key
 * @param {(ofCluster: string) => string} folderOf where it is
 * @param {Opening} opening
 * @returns {SharedStore} with one handle more
 */
function sharedOf(manager, key, folderOf, opening) {
  const all = open.get(manager) ?? new Map();
  open.set(manager, all);
  let shared = all.get(key);
  if (!shared) {
    const { config, log, resources } = insideOf(manager);
    shared = new SharedStore({
      key,
      resources,
      log,
      mayOwn: config.ownsMemory,
      openHost: async (how, wanted, standBy) => {
        const host = await StoreHost.open(manager, folderOf(how.folder), wanted, how.isLost);
        HostMemories.on(host, HostIndexes.on(host, standBy));
        return host;
      },
      makeStandBy: () => new StandBy({ manager, folderOf, log }),
      onIdle: () => all.delete(key),
    });
    all.set(key, shared);
  }
  shared.retain(opening);
  return shared;
}

/**
 * The store of a folder, for all processes of the cluster.
 * @param {Manager} manager
 * @param {unknown} given the folder
 * @param {unknown} [options] durable (true), readOnly (false), limit
 * @returns {Promise<import('../store').Store>}
 */
async function openStoreOn(manager, given, options) {
  const { checkOpen, isInCluster } = insideOf(manager);
  checkOpen();
  const folder = checks.checkPath(given, 'path');
  const { durable, readOnly, limit } = checks.checkOpening(options);
  // A reader reads beside the owner, as it does outside of a cluster.
  if (readOnly || !(await isInCluster())) return openStore(folder, options);
  const real = realPath(folder);
  return openShared(manager, `store:${real}`, () => real, { durable, limit }, folder);
}

/**
 * @param {Manager} manager
 * @param {string} key
 * @param {(ofCluster: string) => string} folderOf where it is
 * @param {Opening} opening
 * @param {string} shown the path that the store says it has
 * @returns {Promise<ClusterStore>}
 */
async function openShared(manager, key, folderOf, opening, shown) {
  const shared = sharedOf(manager, key, folderOf, opening);
  try {
    const { value } = await shared.call({ name: 'open', limit: opening.limit });
    const { store: stats } = /** @type {{ store: import('../../index').StoreStats }} */ (value);
    const close = () => shared.release();
    const retain = () => {
      shared.retain();
      return close;
    };
    return new ClusterStore({ shared, path: shown, durable: opening.durable, stats, retain, close });
  } catch (error) {
    await shared.release();
    throw error;
  }
}

/**
 * An index that all processes of the cluster call.
 * @param {Manager} manager
 * @param {import('../vectors/index-core').Kind} kind
 * @param {string} name in its store, or in the cluster
 * @param {ClusterStore} [given] undefined: it is in no store, and ends with the cluster
 * @returns {Promise<VectorIndex>}
 */
async function openIndexOn(manager, kind, name, given) {
  const store = given ?? (await openOnMemory(manager, `index:${name}`));
  const { shared, durable, retain } = store.inside;
  const close = given ? retain() : () => store.close();
  const { dimensions, metric, dtype } = kind;
  const call = { name: 'index.open', index: { name, dimensions, metric, dtype } };
  const leave = shared.use(`index/${name}`, call);
  try {
    const { value } = await shared.call(call);
    const stats = /** @type {import('./shared-store').IndexStats} */ (value);
    const owner = ownerOf(manager);
    const isStored = given !== undefined;
    const core = new ClusterIndex({ shared, name, kind, owner, durable, isStored, stats, leave, close });
    return new VectorIndex(
      owner,
      kind,
      {},
      undefined,
      /** @type {import('../vectors/index-core').IndexCore} */ (/** @type {unknown} */ (core)),
    );
  } catch (error) {
    leave();
    await close();
    throw error;
  }
}

/**
 * A memory of documents that all processes of the cluster call.
 * @param {Manager} manager
 * @param {import('./host-memories').Described} memory
 * @param {ClusterStore|string|URL|undefined} given a store, or where one is; undefined: it ends with the cluster
 * @returns {Promise<ClusterMemory>}
 */
async function openMemoryOn(manager, memory, given) {
  const own =
    given === undefined
      ? await openOnMemory(manager, `memory:${memory.name}`)
      : given instanceof ClusterStore
        ? undefined
        : /** @type {ClusterStore} */ (await openStoreOn(manager, given));
  const { shared, durable, retain } = (own ?? /** @type {ClusterStore} */ (given)).inside;
  const close = own ? () => own.close() : retain();
  const asked = { ...memory, durable };
  const call = { name: 'memory.open', memory: asked };
  const leave = shared.use(`memory/${memory.name}`, call);
  try {
    await shared.call(call);
    return new ClusterMemory({ shared, memory: asked, leave, close });
  } catch (error) {
    leave();
    await close();
    throw error;
  }
}

/**
 * A store of its own for what is in none: on memory, in the cluster's folder.
 * @param {Manager} manager
 * @param {string} key
 */
function openOnMemory(manager, key) {
  const folder = createHash('sha256').update(key).digest('hex').slice(0, 32);
  const folderOf = (/** @type {string} */ ofCluster) => path.join(ofCluster, `store-${folder}`);
  return openShared(manager, key, folderOf, { durable: false, limit: 0, isOnMemory: true }, key);
}

module.exports = { openStoreOn, openIndexOn, openMemoryOn };
