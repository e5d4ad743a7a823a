// What a model runs on: a manager, or one context. The two differ in how a job is run, where weights are put, and whose
// close ends the model.
'use strict';
const os = require('node:os');
const { GPUContext } = require('../context');
const { GPUError } = require('../core');
const { onceInCluster } = require('./agreement');
const { placeOn, placeShared } = require('./weights');

/** @typedef {import('../cluster').GPUClusterManager} Manager */
/** @typedef {import('./weights').Loading} Loading */
/** @typedef {import('../index').Backend} Backend */
/**
 * @typedef {object} Owner
 * @property {boolean} isContext
 * @property {object} of the manager or the context
 * @property {boolean} measures whether a first load may take the time to measure what suits the device
 * @property {(contextType: Backend|undefined) => Owner} only the same whose jobs run on contexts of one kind
 * @property {(workload: object, options: import('../index').JobOptions) => Promise<import('../index').RunResult>} run
 * @property {(name: string, content: import('./content').Content, loading: Loading) =>
 *   Promise<import('./weights').Placed>} place the weights
 * @property {() => void} checkOpen throws ERR_CLOSED
 * @property {number} timeout of jobs that don't say one
 * @property {() => Promise<string[]>} devices what jobs run on, and whatever else decides how fast
 * @property {<T>(key: unknown, make: () => Promise<T>, options?: { lasts?: (made: T) => boolean,
 *   signal?: AbortSignal }) => Promise<T>} once what is measured, by one of all processes that would
 * @property {() => number} width how many jobs of a model are at the queue at once: as many as keep its contexts busy
 * @property {() => boolean} usesCards whether jobs run elsewhere than on the processor
 * @property {(model: string) => void} [forget] results that only a model could make that is gone
 * @property {() => Promise<void>} [close] of what was opened for the model alone
 */

/** Loaded for managers alone: a command on a text has a context, and people wait for its start. */
const cluster = () => require('../cluster');

const kAhead = 2; // jobs of a context: one computes while the next one is made ready

/** @param {...(string|number|undefined)} words */
const wordsOf = (...words) => words.join(', ');

/** The processors, which are fast or not beside every device. */
function processors() {
  const cpus = os.cpus();
  return wordsOf(cpus.length, cpus[0]?.model);
}

/**
 * @param {GPUContext} context
 * @param {{ isOwn?: boolean, measures?: boolean }} [how] isOwn: it was opened for the model
 * @returns {Owner}
 */
function contextOwner(context, { isOwn = false, measures = true } = {}) {
  /** @type {Owner} */
  const owner = {
    isContext: true,
    of: context,
    measures,
    only: () => owner,
    checkOpen() {
      if (context.closed) throw new GPUError('ERR_CLOSED', `the context ${context.id} is closed`);
    },
    timeout: Infinity,
    run: (workload, { signal, timeout, into }) => context.run(workload, { signal, timeout, into }),
    place: (_, content, loading) => placeOn(context, content, loading),
    async devices() {
      const { name, driver, apiVersion } = context.device;
      return [wordsOf(context.contextType, name, driver, apiVersion), processors()];
    },
    once: (_, make) => make(),
    width: () => kAhead,
    usesCards: () => context.contextType !== 'cpu',
    close: isOwn ? () => context.close() : undefined,
  };
  return owner;
}

/** Who wants to hear that names have gone: one listener of a manager, however many models it has. */
class NameWatch {
  /** @type {Map<string, Set<() => void>>} */
  #watchers = new Map();
  #manager;

  /** @param {Manager} manager */
  constructor(manager) {
    this.#manager = manager;
  }

  /** @param {{ name: string, version: number }} event */
  #onChange = ({ name, version }) => {
    if (version === 0) for (const onGone of this.#watchers.get(name) ?? []) onGone();
  };

  /**
   * @param {string} name
   * @param {() => void} onGone
   * @returns {() => void} ends it
   */
  add(name, onGone) {
    if (!this.#watchers.size) this.#manager.on('tensor-published', this.#onChange);
    const all = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, all.add(onGone));
    return () => {
      if (all.delete(onGone) && !all.size) this.#watchers.delete(name);
      if (!this.#watchers.size) this.#manager.off('tensor-published', this.#onChange);
    };
  }
}

/** @type {WeakMap<Manager, NameWatch>} */
const watches = new WeakMap();

/** @param {Manager} manager */
function watchOf(manager) {
  let watch = watches.get(manager);
  if (!watch) watches.set(manager, (watch = new NameWatch(manager)));
  return watch;
}

/**
 * @param {Manager} manager
 * @param {Backend} [contextType] of the contexts that its jobs run on, unless a job wants another; undefined: any
 * @returns {Owner}
 */
function managerOwner(manager, contextType) {
  const { config, names: named, checkOpen, contexts, kept } = cluster().insideOf(manager);
  const watch = watchOf(manager);
  /** @type {import('./weights').Names} */
  const names = {
    publishFirst: (name, tensor) => named.publishFirst(name, tensor),
    lookup: (name) => named.lookup(name),
    withdraw: (name) => named.withdraw(name),
    watch: (name, onGone) => watch.add(name, onGone),
  };
  const used = () =>
    contexts().filter((each) => each.isActive && (contextType === undefined || each.contextType === contextType));
  return {
    isContext: false,
    of: manager,
    measures: true,
    only: (type) => managerOwner(manager, type),
    checkOpen,
    timeout: config.timeout,
    run(workload, options) {
      const type = options.contextType ?? contextType;
      return manager.executeWorkload(workload, type === undefined ? options : { ...options, contextType: type });
    },
    place: (name, content, loading) => placeShared(names, name, content, loading),
    // No device is asked for: a primary process opens none.
    async devices() {
      await manager.ready;
      const all = used().map(({ contextType: type, deviceName, driver }) => wordsOf(type, deviceName, driver));
      return [...[...new Set(all)].sort(), processors()];
    },
    forget: (model) => kept.dropModel(model),
    once: (key, make, options) => onceInCluster(names, key, make, options),
    width: () => kAhead * Math.max(1, used().length),
    usesCards: () => used().some(({ contextType: type }) => type !== 'cpu'),
  };
}

/**
 * @param {object} of a manager or a context
 * @returns {Owner}
 */
function ownerOf(of) {
  if (of instanceof GPUContext) return contextOwner(of);
  if (of instanceof cluster().GPUClusterManager) return managerOwner(of);
  return contextOwner(/** @type {GPUContext} */ (of));
}

module.exports = { ownerOf, contextOwner };
