// What a manager says of its cluster: figures, costs, health.
'use strict';
const { invalid, show } = require('../core');
const { ManagerMemory } = require('./manager-memory');

/** @typedef {import('../core').GPUError} GPUError */
/**
 * What a manager's own class knows.
 * @typedef {{ here: import('./process').ClusterProcess, checkOpen: () => void }} Known
 */

/** @type {WeakMap<ManagerReports, Known>} */
const known = new WeakMap();

/**
 * @param {ManagerReports} manager
 * @param {Known} what
 */
function knowInside(manager, what) {
  known.set(manager, what);
}

/** @param {ManagerReports} manager @returns {Known} */
function insideOf(manager) {
  return /** @type {Known} */ (known.get(manager));
}

/**
 * Asks this process's coordinator, or the cluster's.
 * @template T
 * @param {ManagerReports} manager
 * @param {import('./wire/messages').Report} report
 * @returns {Promise<T>}
 */
async function askOf(manager, report) {
  const { here, checkOpen } = insideOf(manager);
  checkOpen();
  const { coordination, connection } = here;
  if (!coordination) return connection.query(report);
  return /** @type {T} */ (/** @type {unknown} */ (coordination.reports.give(report)));
}

class ManagerReports extends ManagerMemory {
  /**
   * The most used figures: docs/metrics.md.
   * @returns {Promise<import('../index').GPUClusterMetrics>}
   * @throws {GPUError} (rejects with) ERR_CLOSED: the manager or its cluster is closed
   * @example const { performance } = await manager.getMetrics();
   */
  async getMetrics() {
    return askOf(this, { what: 'metrics' });
  }

  /**
   * What jobs have cost, by hour and by day, and what would cost less: docs/operations.md.
   * @param {{ caller?: string }} [options] caller: what is counted for this one alone
   * @returns {Promise<import('../index').CostReport>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_CLOSED: the manager or its cluster is closed
   * @example const { currency, day, byCaller } = await manager.costs();
   */
  async costs({ caller } = {}) {
    if (caller !== undefined && typeof caller !== 'string')
      throw invalid(`costs: the caller is ${show(caller)}, but must be a text`, 'options.caller');
    return askOf(this, { what: 'costs', ...(caller === undefined ? {} : { caller }) });
  }

  /**
   * How much work a job is, from 0 to 100, before it is run: docs/operations.md.
   * @param {unknown} workload as executeWorkload() takes it
   * @returns {number}
   * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_UNKNOWN_WORKLOAD, ERR_CLOSED: what running it would be refused with
   * @example
   * const job = { type: 'normalize', inputs: { input } };
   * if (manager.complexity(job) > 60) await manager.executeWorkload(job, { priority: -1 });
   */
  complexity(workload) {
    const { here, checkOpen } = insideOf(this);
    checkOpen();
    return here.requester.complexity(workload);
  }

  /**
   * How the cluster is.
   * @returns {Promise<import('../index').ClusterHealth>}
   * @throws {GPUError} (rejects with) ERR_CLOSED: the manager or its cluster is closed
   * @example if ((await manager.health()).status === 'down') alarm();
   */
  async health() {
    return askOf(this, { what: 'health' });
  }

  /**
   * The metrics in the text format of Prometheus.
   * @returns {Promise<string>}
   * @throws {GPUError} (rejects with) ERR_CLOSED: the manager or its cluster is closed
   * @example response.setHeader('content-type', 'text/plain; version=0.0.4').end(await manager.prometheus());
   */
  async prometheus() {
    return askOf(this, { what: 'prometheus' });
  }

  /**
   * What a device's memory is used for.
   * @param {string} deviceId
   * @returns {Promise<import('../index').MemoryStats>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: no context is on such a device; ERR_CLOSED
   * @example const { allocatedMb, totalMb } = await manager.memoryStats('cuda:0');
   */
  async memoryStats(deviceId) {
    if (typeof deviceId !== 'string')
      throw invalid(`memoryStats: the device is ${show(deviceId)}, but must be its id, 'cpu:0' for example`);
    return askOf(this, { what: 'memory', device: deviceId });
  }
}

module.exports = { ManagerReports, askOf, knowInside };
