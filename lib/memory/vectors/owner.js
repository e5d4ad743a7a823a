// What an index runs on: a context, or a manager. The two differ in how a job is run and where sealed segments stay.
'use strict';
const { setImmediate } = require('node:timers');
const { insideOf, GPUClusterManager } = require('../../cluster');
const { GPUContext } = require('../../context');
const { GPUError, invalid, show } = require('../../core');
const { tiersOf } = require('../tiers');

/** @typedef {import('../../index').Tensor} Tensor */
/** @typedef {import('../../index').RunResult} RunResult */
/** @typedef {{ input: unknown, release: () => void }} Placed an input of jobs that stays on a device */
/**
 * @typedef {object} Owner
 * @property {boolean} isContext
 * @property {import('./kept-searches').Keeper|undefined} kept what keeps answers of searches
 * @property {() => void} checkOpen throws ERR_CLOSED
 * @property {(workload: object, options: import('../../index').JobOptions) => Promise<RunResult>} run
 * @property {() => boolean} places whether place() makes jobs quicker than memory of this process
 * @property {(tensor: Tensor) => Promise<Placed>} place
 * @property {import('../tiers').Tiers} tiers what is done as its memory fills up
 * @property {() => number} width how many searches keep its contexts busy
 * @property {(() => Promise<void>)|undefined} close of what was opened for the index alone
 */

const kAhead = 2; // of a context: one computes while the next one is made ready
const kTurnBytes = 2 << 20; // copied by the event loop at once

/**
 * @param {GPUContext} context
 * @param {boolean} isOwn whether it was opened for the index
 * @returns {Owner}
 */
function contextOwner(context, isOwn) {
  return {
    isContext: true,
    kept: undefined,
    checkOpen() {
      if (context.closed) throw new GPUError('ERR_CLOSED', `the context ${context.id} is closed`);
    },
    run: (workload, { signal, timeout }) => context.run(workload, { signal, timeout }),
    places: () => context.contextType !== 'cpu',
    async place(tensor) {
      const input = await context.upload(tensor);
      return { input, release: () => input.release() };
    },
    tiers: tiersOf(context),
    width: () => kAhead,
    close: isOwn ? () => context.close() : undefined,
  };
}

/**
 * @param {import('../../cluster').GPUClusterManager} manager
 * @returns {Owner}
 */
function managerOwner(manager) {
  const { checkOpen, contexts, kept } = insideOf(manager);
  return {
    isContext: false,
    kept,
    checkOpen,
    run: (workload, options) => manager.executeWorkload(workload, options),
    // In a process that is alone on its processors jobs use memory where it lies.
    places: () => manager.role !== 'lone' || contexts().some(({ contextType }) => contextType !== 'cpu'),
    async place(tensor) {
      const shared = manager.sharedTensor(tensor.shape, tensor.dtype);
      try {
        const from = tensor.data;
        const step = kTurnBytes / from.BYTES_PER_ELEMENT;
        for (let at = 0; at < from.length; at += step) {
          /** @type {{ set: (from: ArrayLike<number>, at: number) => void }} */ (shared.data).set(
            from.subarray(at, at + step),
            at,
          );
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
        }
        shared.seal();
      } catch (error) {
        shared.release();
        throw error;
      }
      return { input: shared, release: () => shared.release() };
    },
    tiers: tiersOf(manager),
    width: () => kAhead * Math.max(1, contexts().filter(({ isActive }) => isActive).length),
    close: undefined,
  };
}

/**
 * @param {object} of a manager or a context
 * @param {boolean} [isOwn]
 * @returns {Owner}
 */
function ownerOf(of, isOwn = false) {
  if (of instanceof GPUClusterManager) return managerOwner(of);
  return contextOwner(/** @type {GPUContext} */ (of), isOwn);
}

/**
 * What an option says that calls run on.
 * @param {unknown} on
 * @returns {object}
 */
function checkOn(on) {
  if (on instanceof GPUClusterManager || on instanceof GPUContext) return on;
  throw invalid(`on is ${show(on)}, but must be a manager or a context`, 'options.on');
}

module.exports = { ownerOf, checkOn };
