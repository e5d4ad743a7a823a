// Who made which shared memory, and who has been told of it: every process that may have to read or write it, before it
// has to.
'use strict';
const { native } = require('../../addon');
const { protocol } = require('../wire');

/** @typedef {import('./member').Member} Member */

class SharedRegions {
  /** @type {Map<number, { serial: number, isGone: boolean }>} region -> the member that made it */
  #makers = new Map();

  /**
   * A member made one; its descriptor is in this process already.
   * @param {number} region
   * @param {Member} maker
   * @param {Iterable<Member>} members
   */
  made(region, maker, members) {
    this.#makers.set(region, { serial: maker.serial, isGone: false });
    for (const member of members) if (member !== maker) tell(member, region);
  }

  /**
   * @param {Member} member
   */
  tellAll(member) {
    for (const [region, { serial }] of this.#makers) if (serial !== member.serial) tell(member, region);
  }

  /**
   * A member could not take one over, for want of a descriptor for example.
   * @param {number} region
   * @param {Member} member
   */
  lacking(region, member) {
    if (this.#makers.has(region)) tell(member, region);
  }

  /**
   * Asks for those once more that this process itself could not take over.
   * @param {readonly Member[]} members
   */
  askAgain(members) {
    for (const region of native.refusedRegions()) {
      const serial = this.#makers.get(region)?.serial;
      const maker = members.find((member) => member.serial === serial);
      maker?.ask?.post(protocol.withNumber(protocol.kLack, region));
    }
  }

  /**
   * A member gave one up: none of its blocks is in use.
   * @param {number} region
   * @param {Iterable<Member>} members
   */
  dropped(region, members) {
    if (!this.#makers.delete(region)) return;
    const message = protocol.withNumber(protocol.kDrop, region);
    for (const member of members) member.run?.post(message);
  }

  /**
   * A process has ended: what it held is let go of, what it made goes with the last holder.
   * @param {Member} member
   */
  gone(member) {
    native.clearMember(member.slot);
    for (const maker of this.#makers.values()) if (maker.serial === member.serial) maker.isGone = true;
  }

  /**
   * Gives up memory of processes that have gone, once nobody holds a tensor in it and no job of theirs still runs.
   * @param {Iterable<Member>} members
   * @param {(serial: number) => boolean} isUsed
   */
  sweep(members, isUsed) {
    for (const [region, { serial, isGone }] of this.#makers) {
      if (!isGone || native.regionHeld(region) || isUsed(serial)) continue;
      this.dropped(region, members);
      native.dropRegion(region);
    }
  }

  /**
   * The cluster has ended: what others made goes with the last tensor in it that this process holds.
   * @param {Member|undefined} self this process, whose own stays
   */
  close(self) {
    for (const [region, { serial }] of this.#makers) if (serial !== self?.serial) native.dropRegion(region);
    this.#makers.clear();
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
  if (member.inProcess) return;
  const { run } = member;
  const message = protocol.withNumber(protocol.kRegion, region);
  if (!run || run.closed || run.post(message, message.length, region)) return;
  run.post(protocol.withNumber(protocol.kWithheld, region)); // this process could not take it over
}

module.exports = { SharedRegions };
