// What workers are told to open, and what was learned from those that could not.
'use strict';
const { planContexts } = require('./plan');
const { statusPage: status } = require('../../metrics');

/** @typedef {import('./member').Member} Member */

const kStartsBeforeAvoiding = 2;

class Starts {
  /** @type {Set<string>} devices that are left out */
  #avoid = new Set();
  /** @type {Map<string, number>} workers that ended as they opened a device, since one has opened it */
  #failed = new Map();

  /** @param {{ config: import('../../config/config').Config, log: import('../../core/log').Logger }} parts */
  constructor(parts) {
    this.parts = parts;
  }

  get avoided() {
    return [...this.#avoid];
  }

  /** Whether a worker has ended as it opened contexts, and which of them it was is not known for sure. */
  get isSuspicious() {
    return this.#failed.size > 0;
  }

  /** @param {string} device */
  opened(device) {
    this.#failed.delete(device);
  }

  /**
   * Decides on a member's contexts.
   * @param {Member} member
   * @param {readonly Member[]} all
   */
  plan(member, all) {
    const { config, log } = this.parts;
    /** @type {Map<string, Set<number>>} */
    const owners = new Map();
    const taken = [];
    for (const other of all) {
      if (other === member || other.state === 'gone') continue;
      for (const { device, memoryLimit } of other.plan) {
        taken.push({ device, memoryLimit });
        if (!owners.has(device)) owners.set(device, new Set());
        owners.get(device)?.add(other.slot);
      }
    }
    const workers = Math.max(
      config.workers ?? 0,
      all.filter(({ state, inProcess, plan }) => state !== 'gone' && (!inProcess || plan.length)).length,
      1,
    );
    member.plan = planContexts(
      { workerId: member.workerId, devices: member.devices, taken, config, workers, avoid: this.#avoid },
      owners,
    );
    if (!member.plan.length && !member.devices.length)
      log.error({ worker: member.workerId }, 'a worker has found no device');
  }

  /**
   * A device whose opening ends workers is left out after the second time, if there is another. When several were being
   * opened, any of them may have done it: the next worker opens them one by one.
   * @param {Member} member
   */
  failed(member) {
    const opening = member.plan.filter(({ index }) => {
      const state = status.kStates[member.page[status.contextAt(index) + status.kState]];
      return state === 'starting' || state === 'lost';
    });
    const suspects = new Set(opening.map(({ device }) => device));
    for (const device of suspects) {
      const times = (this.#failed.get(device) ?? 0) + 1;
      this.#failed.set(device, suspects.size === 1 ? times : Math.max(1, times - 1));
    }
    const [culprit] = suspects;
    if (suspects.size === 1 && (this.#failed.get(culprit) ?? 0) >= kStartsBeforeAvoiding)
      this.#leaveOut(culprit, member);
  }

  /**
   * @param {string} device
   * @param {Member} member
   */
  #leaveOut(device, member) {
    const types = this.parts.config.contextTypes;
    const hasAnother = member.devices.some(
      ({ id, backend }) => id !== device && !this.#avoid.has(id) && (!types || types.includes(backend)),
    );
    if (this.#avoid.has(device) || !hasAnother) return;
    this.#avoid.add(device);
    this.parts.log.error({ device }, 'workers end when they open this device: it is left out from now on');
  }
}

module.exports = { Starts };
