// The tiers of memory of a cluster: the memory of each context, the host's, and the stores that its processes have
// open. What is in them is read from status pages and from the system, so a blocked worker does not matter. What is
// done about it, each process does by itself.
'use strict';
const { Tier, readHost, storesUse, pressureEvent } = require('../../pressure');
const { statusPage } = require('../../metrics');

const { inPage } = statusPage;

/** @typedef {import('../../pressure/tier').TierStatus} TierStatus */
/** @typedef {import('../../pressure/tier').Use} Use */
/** @typedef {import('./member').Member} Member */
/** @typedef {import('./context-view').ContextView} ContextView */
/**
 * @typedef {object} MemoryTiersParts
 * @property {import('../../config/config').Config} config
 * @property {() => readonly ContextView[]} contexts
 * @property {() => readonly Member[]} members
 * @property {(event: import('../../index').MemoryPressureEvent) => void} tell
 */

class MemoryTiers {
  #parts;
  #host;
  /** @type {Map<ContextView, Tier>} */
  #devices = new Map();
  /** @type {Map<Member, Tier>} */
  #disks = new Map();

  /** @param {MemoryTiersParts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#host = this.#make('host', 'host', () => readHost({ most: parts.config.hostMemoryLimit }), { workerId: 0 });
  }

  /**
   * @param {import('../../pressure/tier').TierName} tier
   * @param {string} of
   * @param {() => Use} read
   * @param {{ workerId: number, contextId?: string }} whose
   */
  #make(tier, of, read, whose) {
    return new Tier({
      tier,
      of,
      read,
      fullWithinMs: this.#parts.config.memoryFullWithin,
      onChange: (status) => this.#parts.tell(pressureEvent(status, whose)),
    });
  }

  /** @param {ContextView} context */
  #deviceOf(context) {
    let tier = this.#devices.get(context);
    if (!tier) {
      const read = () => ({ used: context.usedBytes, limit: context.memoryLimit });
      tier = this.#make('device', context.id, read, { workerId: context.workerId, contextId: context.id });
      this.#devices.set(context, tier);
    }
    return tier;
  }

  /** @param {Member} member */
  #diskOf(member) {
    let tier = this.#disks.get(member);
    if (!tier) {
      const read = () => (member.inProcess ? storesUse() : usedOnDisk(member));
      tier = this.#make('disk', `stores of worker ${member.workerId}`, read, { workerId: member.workerId });
      this.#disks.set(member, tier);
    }
    return tier;
  }

  /** About once a second. */
  look() {
    const contexts = this.#parts.contexts();
    const members = this.#parts.members();
    for (const gone of this.#devices.keys()) if (!contexts.includes(gone)) this.#devices.delete(gone);
    for (const gone of this.#disks.keys()) if (!members.includes(gone)) this.#disks.delete(gone);
    this.#host.look();
    for (const context of contexts) this.#deviceOf(context).look();
    for (const member of members) this.#diskOf(member).look();
  }

  /** @returns {TierStatus[]} of now; of disks those that have a limit */
  statuses() {
    this.look();
    return [this.#host, ...this.#devices.values(), ...this.#disks.values()]
      .map((tier) => tier.status())
      .filter(({ tier, limit }) => tier !== 'disk' || limit !== null);
  }
}

/** @param {Member} member @returns {Use} */
function usedOnDisk({ page }) {
  return { used: page[inPage.storeBytes], limit: page[inPage.storeLimit] };
}

module.exports = { MemoryTiers };
