// Which kind of device a job goes to that names none, where costs decide: those of little work go to the cheapest kind
// there is, the others to the fastest, as all do without this.
'use strict';
const { describe, costMs } = require('../../call');
const { asGpuError } = require('../../core');
const { complexityOf } = require('../../operations');

/** @typedef {import('../../call/describe').AnyCall} AnyCall */
/** @typedef {import('../../index').Backend} Backend */
/** @typedef {import('./context-registry').Entry} Entry */
/**
 * `instead`: a context that it had gone to otherwise.
 * @typedef {{ type: Backend, units: number, instead: Entry }} Route
 */

class Routing {
  #config;
  #registry;
  #use;

  /**
   * @param {object} parts
   * @param {import('../../config/config').Config} parts.config
   * @param {import('./context-registry').ContextRegistry} parts.registry
   * @param {import('../../operations').DeviceUse} parts.use
   */
  constructor({ config, registry, use }) {
    this.#config = config;
    this.#registry = registry;
    this.#use = use;
    /** Whether costs decide at all. */
    this.isOn = config.routing === 'cost';
  }

  /**
   * @param {AnyCall} call
   * @returns {Route|undefined} undefined: it goes where it would
   */
  routeOf(call) {
    if (call.contextType !== '' || call.kind === 'render') return undefined;
    const contexts = this.#registry.entries.filter(({ isActive }) => isActive);
    const cheapest = leastOf(contexts, (entry) => this.#use.priceOf(entry));
    const best = this.#registry.best();
    if (!cheapest || !best || this.#use.priceOf(cheapest) >= this.#use.priceOf(best)) return undefined;
    const { flops, bytes } = call.estimate();
    const units = costMs(flops, bytes);
    if (this.#complexity(call, units) >= this.#config.routingBelow) return undefined;
    return { type: cheapest.contextType, units, instead: best };
  }

  /**
   * A job that went another way has ended.
   * @param {Route} route
   * @param {number} counted
   * @param {import('../../index').GPUResult} result
   * @param {import('./job-options').JobOptions['account']} account
   */
  ended({ units, instead }, counted, { contextId, cost, cached }, account) {
    const ms = this.#use.expect(instead.device, counted, units);
    if (ms === undefined || cached) return;
    const saved = ms * this.#use.priceOf(instead) - cost;
    this.#use.wasRouted(this.#registry.named(contextId), counted, saved, account);
  }

  /**
   * @param {AnyCall} call
   * @param {number} units
   */
  #complexity({ counted }, units) {
    return complexityOf(units * this.#use.paceOf(counted));
  }

  /**
   * @param {unknown} workload as its user wrote it
   * @returns {number} 0 to 100
   * @throws {import('../../core').GPUError} what running it would be refused with
   */
  complexity(workload) {
    const call = describe(workload, undefined);
    try {
      const { flops, bytes } = call.estimate();
      return this.#complexity(call, costMs(flops, bytes));
    } catch (error) {
      throw asGpuError(error);
    } finally {
      call.clear();
    }
  }
}

/**
 * @template T
 * @param {readonly T[]} all
 * @param {(each: T) => number} of
 * @returns {T|undefined}
 */
function leastOf(all, of) {
  /** @type {T|undefined} */
  let best;
  for (const each of all) if (best === undefined || of(each) < of(best)) best = each;
  return best;
}

module.exports = { Routing };
