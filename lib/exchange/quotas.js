// What tokens with a quota have used: requests and milliseconds of devices a minute. One table, in the primary, for all
// workers together. A bucket for each that fills by the second; device time is known when a job has ended, so it may
// run into debt by what was under way.
'use strict';
const { nowMs } = require('../core');

/** @typedef {{ requests: number, deviceMs: number }} Limits a minute; null, as JSON has no Infinity: none */
/** @typedef {{ requests: number, deviceMs: number, at: number }} Bucket */

const kMinuteMs = 60_000;
const kMostBuckets = 20_000; // of tokens; those that are full again go first

class Quotas {
  /** @type {Map<string, Bucket>} by the token's name */
  #buckets = new Map();
  #now;

  /** @param {() => number} [now] ms */
  constructor(now = nowMs) {
    this.#now = now;
  }

  /**
   * Takes a request from a token's quota.
   * @param {string} token
   * @param {Limits} limits
   * @returns {number|undefined} undefined: it may go on; else in how many ms it may ask again
   */
  take(token, limits) {
    const bucket = this.#bucketOf(token, limits);
    const most = limits.requests ?? Infinity,
      mostMs = limits.deviceMs ?? Infinity;
    if (bucket.requests < 1) return Math.ceil(((1 - bucket.requests) / most) * kMinuteMs);
    if (bucket.deviceMs <= 0) return Math.max(1, Math.ceil((-bucket.deviceMs / mostMs) * kMinuteMs));
    bucket.requests -= 1;
    return undefined;
  }

  /**
   * A job of a token's has ended.
   * @param {string} token
   * @param {Limits} limits
   * @param {number} ms of a device
   */
  used(token, limits, ms) {
    this.#bucketOf(token, limits).deviceMs -= ms;
  }

  /**
   * @param {string} token
   * @param {Limits} limits
   * @returns {Bucket} filled by what has gone by
   */
  #bucketOf(token, limits) {
    const most = limits.requests ?? Infinity,
      mostMs = limits.deviceMs ?? Infinity;
    const now = this.#now();
    let bucket = this.#buckets.get(token);
    if (!bucket) {
      this.#trim(now);
      bucket = { requests: Math.max(1, most), deviceMs: mostMs, at: now };
      this.#buckets.set(token, bucket);
    }
    const share = (now - bucket.at) / kMinuteMs;
    if (share > 0) {
      if (most !== Infinity) bucket.requests += share * most;
      if (mostMs !== Infinity) bucket.deviceMs += share * mostMs;
    }
    bucket.requests = Math.min(Math.max(1, most), bucket.requests); // less than one a minute is one now and then
    bucket.deviceMs = Math.min(mostMs, bucket.deviceMs);
    bucket.at = now;
    return bucket;
  }

  /** @param {number} now */
  #trim(now) {
    if (this.#buckets.size < kMostBuckets) return;
    for (const [token, { at }] of this.#buckets) if (now - at > kMinuteMs) this.#buckets.delete(token);
  }
}

module.exports = { Quotas };
