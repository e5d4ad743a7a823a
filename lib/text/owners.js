// What a model runs on: a manager, or one context. The two differ in how a job is run, where weights are put, and whose
// close ends the model.
'use strict';
const { forModels, GPUClusterManager } = require('../cluster');
const { devices } = require('../context');
const { placeOn, placeShared } = require('./weights');

/** @typedef {import('../context').GPUContext} GPUContext */
/** @typedef {import('./weights').Loading} Loading */
/**
 * @typedef {object} Owner
 * @property {boolean} isContext
 * @property {object} of the manager or the context
 * @property {(workload: object, options: import('../index').JobOptions) => Promise<import('../index').RunResult>} run
 * @property {(name: string, content: import('./content').Content, loading: Loading) =>
 *   Promise<import('./weights').Placed>} place the weights
 * @property {number} timeout of jobs that don't say one
 * @property {() => string[]} devices what jobs run on, and whatever else decides how fast
 * @property {() => boolean} usesCards whether jobs run elsewhere than on the processor
 * @property {() => Promise<void>} [close] of what was opened for the model alone
 */

/** @param {import('../index').DeviceInfo} device */
function describeDevice({ id, name, driver, apiVersion, computeUnits }) {
  return [id, name, driver, apiVersion, computeUnits].join(', ');
}

/**
 * What contexts of a cluster run on.
 * @param {import('../index').ContextInfo[]} contexts
 */
function devicesOf(contexts) {
  const used = new Set(contexts.map(({ device }) => device));
  return devices()
    .filter(({ id }) => used.has(id))
    .map(describeDevice)
    .sort();
}

/**
 * @param {GPUContext} context
 * @param {boolean} [isOwn] whether it was opened for the model
 * @returns {Owner}
 */
function contextOwner(context, isOwn = false) {
  return {
    isContext: true,
    of: context,
    timeout: Infinity,
    run: (workload, { signal, timeout }) => context.run(workload, { signal, timeout }),
    place: (_, content, loading) => placeOn(context, content, loading),
    devices: () => [describeDevice(context.device)],
    usesCards: () => context.contextType !== 'cpu',
    close: isOwn ? () => context.close() : undefined,
  };
}

/**
 * @param {GPUClusterManager} manager
 * @returns {Owner}
 */
function managerOwner(manager) {
  const { timeout, publishFirst } = forModels(manager);
  const names = {
    publishFirst,
    lookup: (/** @type {string} */ name) => manager.lookup(name),
    unpublish: (/** @type {string} */ name) => manager.unpublish(name),
    on: (/** @type {(event: any) => void} */ listener) => void manager.on('tensor-published', listener),
    off: (/** @type {(event: any) => void} */ listener) => void manager.off('tensor-published', listener),
  };
  return {
    isContext: false,
    of: manager,
    timeout,
    run: (workload, options) => manager.executeWorkload(workload, options),
    place: (name, content, loading) => placeShared(names, name, content, loading),
    devices: () => devicesOf(manager.contexts()),
    usesCards: () => manager.contexts().some(({ contextType }) => contextType !== 'cpu'),
  };
}

/**
 * @param {object} of a manager or a context
 * @returns {Owner}
 */
function ownerOf(of) {
  if (of instanceof GPUClusterManager) return managerOwner(of);
  return contextOwner(/** @type {GPUContext} */ (of));
}

module.exports = { ownerOf, contextOwner };
