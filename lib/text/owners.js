// What a model runs on: a manager, or one context. The two differ in how a job is run, where weights are put, and whose
// close ends the model.
'use strict';
const os = require('node:os');
const { insideOf, GPUClusterManager } = require('../cluster');
const { GPUError } = require('../core');
const { placeOn, placeShared } = require('./weights');

/** @typedef {import('../context').GPUContext} GPUContext */
/** @typedef {import('../cluster/manager').GPUClusterManager} Manager */
/** @typedef {import('./weights').Loading} Loading */
/**
 * @typedef {object} Owner
 * @property {boolean} isContext
 * @property {object} of the manager or the context
 * @property {(workload: object, options: import('../index').JobOptions) => Promise<import('../index').RunResult>} run
 * @property {(name: string, content: import('./content').Content, loading: Loading) =>
 *   Promise<import('./weights').Placed>} place the weights
 * @property {() => void} checkOpen throws ERR_CLOSED
 * @property {number} timeout of jobs that don't say one
 * @property {() => Promise<string[]>} devices what jobs run on, and whatever else decides how fast
 * @property {() => boolean} usesCards whether jobs run elsewhere than on the processor
 * @property {() => Promise<void>} [close] of what was opened for the model alone
 */

/** @param {...(string|number|undefined)} words */
const wordsOf = (...words) => words.join(', ');

/** The processors, which are fast or not beside every device. */
function processors() {
  const cpus = os.cpus();
  return wordsOf(cpus.length, cpus[0]?.model);
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
    checkOpen() {
      if (context.closed) throw new GPUError('ERR_CLOSED', `the context ${context.id} is closed`);
    },
    timeout: Infinity,
    run: (workload, { signal, timeout }) => context.run(workload, { signal, timeout }),
    place: (_, content, loading) => placeOn(context, content, loading),
    async devices() {
      const { name, driver } = context.device;
      return [wordsOf(context.contextType, name, driver), processors()];
    },
    usesCards: () => context.contextType !== 'cpu',
    close: isOwn ? () => context.close() : undefined,
  };
}

/**
 * @param {Manager} manager
 * @returns {Owner}
 */
function managerOwner(manager) {
  const { config, names: named, checkOpen } = insideOf(manager);
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
    checkOpen,
    timeout: config.timeout,
    run: (workload, options) => manager.executeWorkload(workload, options),
    place: (name, content, loading) => placeShared(names, name, content, loading),
    // No device is asked for: a primary process opens none.
    async devices() {
      await manager.ready;
      const used = new Set(manager.contexts().map(({ contextType, device }) => wordsOf(contextType, device)));
      return [...[...used].sort(), processors()];
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
