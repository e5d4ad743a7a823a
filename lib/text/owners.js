// What a model runs on: a manager, or one context. The two differ in how a job is run, where weights are put, and whose
// close ends the model.
'use strict';
const { forModels, GPUClusterManager } = require('../cluster');
const { placeOn, placeApart, placeShared } = require('./weights');

/** @typedef {import('../context').GPUContext} GPUContext */
/** @typedef {import('../cluster/manager').GPUClusterManager} Manager */
/** @typedef {import('./weights').Loading} Loading */
/** @typedef {import('./weights').Weights} Weights */
/** @typedef {import('./weights').Placed} Placed */
/**
 * @typedef {object} Owner
 * @property {boolean} isContext
 * @property {object} of the manager or the context
 * @property {(workload: object, options: import('../index').JobOptions) => Promise<import('../index').RunResult>} run
 * @property {(weights: Weights, loading: Loading, name?: string) => Promise<Placed>} place puts weights where jobs find
 *   them, for others of the cluster, too, where they have a name
 * @property {() => Promise<string>} devices what jobs run on, in words
 * @property {number} timeout of jobs that don't say one
 * @property {() => boolean} usesCards whether jobs run elsewhere than on the processor
 * @property {() => Promise<void>} [close] of what was opened for the model alone
 */

/** @param {...string} words */
const wordsOf = (...words) => words.join(', ');

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
    place: (weights, loading) => placeOn(context, weights, loading),
    devices: async () => wordsOf(context.contextType, context.device.name, context.device.driver),
    usesCards: () => context.contextType !== 'cpu',
    close: isOwn ? () => context.close() : undefined,
  };
}

/**
 * @param {Manager} manager
 * @returns {Owner}
 */
function managerOwner(manager) {
  const { timeout, names: named } = forModels(manager);
  /** @type {import('./weights').Names} */
  const names = {
    publishFirst: (name, tensor) => named.publishFirst(name, tensor),
    lookup: (name) => manager.lookup(name),
    unpublish: (name) => manager.unpublish(name),
    on: (listener) => void manager.on('tensor-published', listener),
    off: (listener) => void manager.off('tensor-published', listener),
  };
  return {
    isContext: false,
    of: manager,
    timeout,
    run: (workload, options) => manager.executeWorkload(workload, options),
    place: (weights, loading, name) =>
      name === undefined ? placeApart(weights, loading) : placeShared(names, name, weights, loading),
    async devices() {
      await manager.ready;
      const all = manager.contexts().map(({ contextType, device }) => wordsOf(contextType, device));
      return [...new Set(all)].sort().join('; ');
    },
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
