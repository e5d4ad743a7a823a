// One tier of memory: how much of it is in use, in which state it is, and when it will be full.
'use strict';
const { nowMs } = require('../core');
const { Growth } = require('./growth');
const { stateAfter } = require('./states');

/** @typedef {import('./states').TierState} TierState */
/** @typedef {'device'|'host'|'disk'} TierName */
/** @typedef {{ used: number, limit: number }} Use in bytes; a limit of Infinity or 0: there is none */
/**
 * What is told of a tier.
 * @typedef {object} TierStatus
 * @property {TierName} tier
 * @property {string} of whose: a context's id, a store's folder, or where the host's numbers are from
 * @property {TierState} state
 * @property {number} used bytes
 * @property {number|null} limit bytes; null: there is none
 * @property {number|null} fullInMs until it is full, if it goes on growing as it did; null: it does not
 */
/**
 * @typedef {object} TierParts
 * @property {TierName} tier
 * @property {string} of
 * @property {() => Use & { from?: string }} read
 * @property {() => number} [now]
 * @property {number} [fullWithinMs] below which a forecast is told
 * @property {(status: TierStatus) => void} [onChange] of the state, and when it will soon be full
 * @property {() => void} [reclaim] has what it takes for nothing given back, soon
 */

const kStoppedMs = 60_000;

class Tier {
  #parts;
  #now;
  #growth = new Growth();
  /** @type {TierState} */
  #state = 'normal';
  /** @type {Use} */
  #use = { used: 0, limit: Infinity };
  #from;
  /** @type {Map<(status: TierStatus) => void, number>} and how often each listens */
  #listeners = new Map();
  #isTold = false; // that it will soon be full
  #grewAt = -Infinity;
  #lookedAt = -Infinity;

  /** @param {TierParts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#now = parts.now ?? nowMs;
    this.#from = parts.of;
  }

  get state() {
    return this.#state;
  }

  get used() {
    return this.#use.used;
  }

  get limit() {
    return this.#use.limit;
  }

  /** Bytes that are not in use. */
  get room() {
    return Math.max(0, this.#use.limit - this.#use.used);
  }

  /**
   * Bytes in use beyond a share of the limit.
   * @param {number} share
   */
  above(share) {
    return Math.max(0, this.#use.used - share * this.#use.limit);
  }

  /** Has what it takes for nothing given back, soon. */
  reclaim() {
    this.#parts.reclaim?.();
  }

  /**
   * Whoever listens hears what `onChange` does, once however often he listens.
   * @param {(status: TierStatus) => void} listener
   * @returns {() => void} ends it
   */
  listen(listener) {
    this.#listeners.set(listener, (this.#listeners.get(listener) ?? 0) + 1);
    return () => {
      const left = (this.#listeners.get(listener) ?? 1) - 1;
      if (left) this.#listeners.set(listener, left);
      else this.#listeners.delete(listener);
    };
  }

  #tell() {
    this.#parts.onChange?.(this.status());
    for (const listener of this.#listeners.keys()) listener(this.status());
  }

  /**
   * Reads it anew, and says what has changed.
   * @param {number} [notWithinMs] not if that was done so lately
   * @returns {TierState}
   */
  look(notWithinMs = 0) {
    const now = this.#now();
    if (now - this.#lookedAt < notWithinMs) return this.#state;
    this.#lookedAt = now;
    const { used, limit, from } = this.#parts.read();
    this.#use = { used, limit: limit > 0 ? limit : Infinity };
    const before = this.#state;
    // Bytes of something else are no growth.
    if (from !== undefined && from !== this.#from) this.#growth = new Growth();
    this.#from = from ?? this.#parts.of;
    this.#growth.add(now, used);
    this.#state = stateAfter(before, used / this.#use.limit);
    const isNews = this.#isSoonFull(now);
    if (this.#state !== before || isNews) this.#tell();
    return this.#state;
  }

  /**
   * Once for each time that it comes so near: it has to be twice as far in between, or to have stopped growing for a
   * minute.
   * @param {number} now
   */
  #isSoonFull(now) {
    const { fullWithinMs = 0 } = this.#parts;
    const ms = this.#growth.msUntil(this.#use.used, this.#use.limit);
    if (ms !== undefined) this.#grewAt = now;
    if (ms === undefined ? now - this.#grewAt > kStoppedMs : ms > 2 * fullWithinMs) this.#isTold = false;
    if (this.#isTold || ms === undefined || ms > fullWithinMs) return false;
    this.#isTold = true;
    return true;
  }

  /** @returns {TierStatus} as of the last look */
  status() {
    const { used, limit } = this.#use;
    return {
      tier: this.#parts.tier,
      of: this.#from,
      state: this.#state,
      used,
      limit: limit < Infinity ? limit : null,
      fullInMs: this.#growth.msUntil(used, limit) ?? null,
    };
  }
}

module.exports = { Tier };
