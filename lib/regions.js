// Who made which shared memory, and who has been told of it: every process that may have to read or write it, before it has to.
'use strict';
const { native } = require('./native');
const protocol = require('./protocol');

/** @typedef {import('./member').Member} Member */

class Regions {
  /** @type {Map<number, number>} region -> the slot of the member that made it; -1 once that has gone */
  #makers = new Map();

  /**
   * A member made one; its descriptor is in this process already.
   * @param {number} region
   * @param {Member} maker
   * @param {Iterable<Member>} members
   */
  made(region, maker, members) {
    this.#makers.set(region, maker.slot);
    for (const member of members) if (member !== maker) tell(member, region);
  }

  /**
   * @param {Member} member
   */
  tellAll(member) {
    for (const [region, maker] of this.#makers) if (maker !== member.slot) tell(member, region);
  }

  /**
   * A member gave one up: none of its blocks is in use.
   * @param {number} region
   * @param {Iterable<Member>} members
   */
  dropped(region, members) {
    if (!this.#makers.delete(region)) return;
    const message = new Float64Array([3, protocol.kDrop, region]);
    for (const member of members) member.run?.post(message);
  }

  /**
   * A process has ended: what it held is let go of, what it made goes with the last holder.
   * @param {number} slot
   */
  gone(slot) {
    native.clearMember(slot);
    for (const [region, maker] of this.#makers) if (maker === slot) this.#makers.set(region, -1);
  }

  /**
   * Gives up memory of processes that have gone and that nobody holds.
   * @param {Iterable<Member>} members
   */
  sweep(members) {
    for (const [region, maker] of this.#makers) {
      if (maker !== -1 || native.regionHeld(region)) continue;
      this.dropped(region, members);
      native.dropRegion(region);
    }
  }

  get size() {
    return this.#makers.size;
  }
}

/**
 * @param {Member} member
 * @param {number} region
 */
function tell(member, region) {
  if (!member.inProcess) member.run?.post(new Float64Array([3, protocol.kRegion, region]), 3, region);
}

module.exports = { Regions };
