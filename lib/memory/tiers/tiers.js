// What is done as memory fills up, for all that a context or a manager keeps in it: copies go, rows give way to the
// files that have them, what was removed is cleared away, and writes are refused until there is room again.
'use strict';
const { setInterval, clearInterval } = require('node:timers');
const { GPUError, nowMs } = require('../../core');
const { kCalm, kHigh, kRecovery, worstOf } = require('../../pressure');
const { Copies } = require('./copies');

/** @typedef {import('../../pressure/tier').Tier} Tier */
/** @typedef {import('../../pressure/tier').TierStatus} TierStatus */
/** @typedef {import('./copies').Copy} Copy */
/**
 * What has memory that can be given back by some work. Of what fails it is told by whoever does it.
 * @typedef {object} Member
 * @property {Tier} [disk] of the store that it lies in
 * @property {() => void} toFiles has rows that a store's files have read from there
 * @property {(of: 'host'|'disk', room: number) => void} clean clears away what was removed, where that gives bytes of
 *   that tier back, and needs no more than `room` meanwhile
 */
/**
 * @typedef {object} TiersParts
 * @property {Tier} [device] where copies are put; without it they lie in the host's memory
 * @property {Tier} host
 * @property {(status: TierStatus) => void} [onDiskChange] of the disks of those that join, where nobody else tells it
 * @property {() => void} trim gives unused memory back
 * @property {() => number} [now]
 */

const kLookMs = 1000;
const kFreshMs = 100; // a write does not look again so soon
const kIdleMs = 10_000; // what was used since then would come again at once, where it lets others be
const kCleanMs = 60_000; // between two times that what was removed is cleared away
const kRemedies = {
  device: 'release tensors, or raise memoryLimit',
  host: 'remove vectors and compact() the index, close what is not needed, or raise the limit: hostMemoryLimit',
  disk: "remove vectors and compact() the index, or open the store with a larger 'limit'",
};

/**
 * Once a second, for as long as there is something to look after; it keeps no process alive, and nothing in memory.
 * @param {WeakRef<Tiers>} tiers
 */
function watch(tiers) {
  const timer = setInterval(() => {
    if (!tiers.deref()?.tend()) clearInterval(timer);
  }, kLookMs);
  timer.unref();
}

class Tiers {
  #device;
  #host;
  #onDiskChange;
  #trim;
  #now;
  #copies = new Copies();
  /** @type {Map<Member, number>} when each has cleaned up last */
  #members = new Map();
  #isTrimmed = false;
  #isWatched = false;

  /** @param {TiersParts} parts */
  constructor({ device, host, onDiskChange, trim, now = nowMs }) {
    this.#device = device;
    this.#host = host;
    this.#onDiskChange = onDiskChange;
    this.#trim = trim;
    this.#now = now;
  }

  /** Where copies lie. */
  get #ofCopies() {
    return this.#device ?? this.#host;
  }

  /**
   * Whether there may be a new copy: it is none that would have others go, or itself.
   * @param {boolean} isPinned
   * @param {number} [bytes]
   * @param {number} [notWithinMs] how old the numbers may be
   */
  mayCopy(isPinned, bytes = 0, notWithinMs = kFreshMs) {
    const tier = this.#ofCopies;
    const state = this.stateOfCopies(notWithinMs);
    if (state === 'recovery' || (state === 'high' && !isPinned)) return false;
    return tier.used + bytes <= (isPinned ? kRecovery : kHigh) * tier.limit;
  }

  /**
   * The state of the tier that copies lie in.
   * @param {number} [notWithinMs] how old the numbers may be
   */
  stateOfCopies(notWithinMs = kFreshMs) {
    return this.#ofCopies.look(notWithinMs);
  }

  /** @param {Copy} copy that was made, or used, just now */
  used(copy) {
    this.#copies.used(copy, this.#now());
    this.#watch();
  }

  /** @param {Copy} copy that was let go of otherwise */
  gone(copy) {
    this.#copies.delete(copy);
  }

  /**
   * @param {Member} member
   * @returns {() => void} it is closed
   */
  join(member) {
    this.#members.set(member, -Infinity);
    const leave = this.#onDiskChange && member.disk?.listen(this.#onDiskChange);
    this.#watch();
    return () => {
      if (this.#members.delete(member)) leave?.();
    };
  }

  /**
   * Before something is written that stays in memory.
   * @param {string} what
   * @param {Tier} [disk] where it is written to as well
   * @throws {GPUError} ERR_OUT_OF_MEMORY
   */
  checkWrite(what, disk) {
    for (const tier of disk ? [this.#host, disk] : [this.#host]) {
      if (tier.look(kFreshMs) !== 'recovery') continue;
      this.#act();
      const { tier: name, of, used, limit } = tier.status();
      throw new GPUError(
        'ERR_OUT_OF_MEMORY',
        `${what} takes nothing more: ${used} of the ${name}'s limit of ${limit} bytes are in use (${of}), and beyond ` +
          `80% room is made first; it goes on below 70%. What helps: ${kRemedies[name]}`,
      );
    }
  }

  /** Looks at all of it, and does what is to be done. */
  look() {
    this.#device?.look();
    this.#host.look();
    for (const { disk } of this.#members.keys()) disk?.look(kFreshMs);
    this.#act();
  }

  #act() {
    const copies = this.#ofCopies;
    if (copies.state === 'high') this.#copies.letGo(copies.above(kCalm), this.#now() - kIdleMs);
    if (copies.state === 'recovery') this.#copies.letGo(Infinity);
    const host = this.#host.state;
    const isFull = worstOf([host, copies.state]) === 'recovery';
    if (isFull && !this.#isTrimmed) this.#trim();
    this.#isTrimmed = isFull;
    /** @type {Set<Tier>} */
    const full = new Set();
    for (const { disk } of this.#members.keys()) if (disk?.state === 'recovery') full.add(disk);
    for (const disk of full) disk.reclaim();
    for (const [member, cleaned] of this.#members) {
      if (host !== 'normal') member.toFiles();
      const of = member.disk?.state === 'recovery' ? 'disk' : 'host';
      if (of === 'host' && host !== 'recovery') continue;
      if (this.#now() - cleaned < kCleanMs) continue;
      this.#members.set(member, this.#now());
      member.clean(of, Math.min(this.#host.room, member.disk?.room ?? Infinity));
    }
  }

  #watch() {
    if (this.#isWatched) return;
    this.#isWatched = true;
    watch(new WeakRef(this));
  }

  /** A look, if there is something to look after. */
  tend() {
    this.#isWatched = this.#members.size > 0 || this.#copies.bytes > 0;
    if (this.#isWatched) this.look();
    return this.#isWatched;
  }

  /**
   * @param {Tier} [disk]
   * @returns {TierStatus[]} of now
   */
  statuses(disk) {
    return [this.#device, this.#host, disk].flatMap((tier) => {
      if (!tier) return [];
      tier.look(kFreshMs);
      return [tier.status()];
    });
  }
}

module.exports = { Tiers };
