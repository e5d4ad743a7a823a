// Which contexts the cluster has, as the coordinator last told it.
'use strict';
const { computeRank } = require('../../addon');
const { kContextTypes } = require('../../core');

/** @typedef {import('../wire/messages').ContextEntry} Entry */

/** @type {Entry} for a result of a context that has gone meanwhile */
const kUnknown = {
  id: 'unknown',
  member: -1,
  index: -1,
  workerId: -1,
  contextType: 'cpu',
  device: '',
  deviceName: '',
  driver: '',
  state: 'lost',
  isActive: false,
  lastUsed: 0,
  memoryUsage: 0,
  memoryLimit: 0,
  shaderCount: 0,
  jobsRun: 0,
  software: false,
  canDraw: false,
};

class ContextRegistry {
  /** @type {Entry[]} */
  entries = [];
  /** @type {Map<number, Entry>} by member and index; those that have gone stay for results on their way */
  #places = new Map();
  /** @type {Map<string, Entry>} */
  #ids = new Map();
  /** The best rank among the contexts of each type, and among those of them that can draw. */
  #ranks = noRanks();
  #drawRanks = noRanks();

  /** @param {Entry[]} entries */
  update(entries) {
    this.entries = entries;
    this.#ids.clear();
    this.#ranks = noRanks();
    this.#drawRanks = noRanks();
    for (const entry of entries) {
      this.#places.set(entry.member * 64 + entry.index, entry);
      this.#ids.set(entry.id, entry);
      if (!entry.isActive) continue;
      const rank = computeRank(entry.contextType, entry.software);
      for (const type of ['', entry.contextType, entry.contextType === 'cpu' ? 'cpu' : 'gpu']) {
        this.#ranks[type] = Math.min(this.#ranks[type], rank);
        if (entry.canDraw) this.#drawRanks[type] = Math.min(this.#drawRanks[type], rank);
      }
    }
  }

  /**
   * The best rank among the contexts that can take a job.
   * @param {import('./needs').Need} need
   */
  bestRankFor({ kind, type }) {
    return (kind === 'render' ? this.#drawRanks : this.#ranks)[type];
  }

  /** Of the contexts that take jobs one of the best rank. @returns {Entry|undefined} */
  best() {
    const rank = this.#ranks[''];
    return this.entries.find(
      ({ isActive, contextType, software }) => isActive && computeRank(contextType, software) === rank,
    );
  }

  /**
   * @param {number} member
   * @param {number} index
   */
  find(member, index) {
    return this.#places.get(member * 64 + index) ?? kUnknown;
  }

  /** @param {string} id */
  named(id) {
    return this.#ids.get(id) ?? kUnknown;
  }

  /** @param {string} id */
  memoryMb(id) {
    return (this.#ids.get(id)?.memoryUsage ?? 0) / 2 ** 20;
  }
}

/** @returns {Record<string, number>} */
function noRanks() {
  return Object.fromEntries(kContextTypes.map((type) => [type, Infinity]));
}

/**
 * What contexts() gives of one.
 * @param {Entry} entry
 * @returns {import('../../index').ContextInfo}
 */
function publicContext(entry) {
  const { id, workerId, contextType, device, state, isActive, lastUsed } = entry;
  const { memoryUsage, memoryLimit, shaderCount, jobsRun } = entry;
  return {
    id,
    workerId,
    contextType,
    device,
    state,
    isActive,
    lastUsed,
    memoryUsage,
    memoryLimit,
    shaderCount,
    jobsRun,
  };
}

module.exports = { ContextRegistry, publicContext };
