// Results in this process's memory, the latest used.
'use strict';
const { nowMs } = require('../core');
const { tierUse } = require('./tiers');

/** @typedef {import('./entry').Entry} Entry */

const kOverhead = 512; // what an entry takes beside its outputs
const kMostGone = 16_384;
const kMostShare = 1 / 4; // of the limit that one entry may take

class MemoryTier {
  /** @type {import('lru-cache').LRUCache<string, Entry & { tag?: string }>} */
  #kept;
  #limit;
  /** @type {Map<string, Set<string>>} the keys of each tag */
  #tagged = new Map();
  /** @type {Set<string>} the keys of what was kept and had to go, the oldest first */
  #gone = new Set();
  counts = { hits: 0, misses: 0 };

  /**
   * @param {{ limit: number, ms: number }} settings bytes, and how long an entry stays
   * @param {() => number} [now] ms
   */
  constructor({ limit, ms }, now = nowMs) {
    const { LRUCache } = require('lru-cache'); // loaded where a job wants it
    this.#limit = limit;
    this.#kept = new LRUCache({
      maxSize: Math.max(1, limit),
      maxEntrySize: Math.max(1, Math.floor(limit * kMostShare)),
      sizeCalculation: ({ data }) => data.byteLength + kOverhead,
      ttl: ms === Infinity ? 0 : ms,
      ttlResolution: 0,
      perf: { now },
      dispose: ({ tag }, key, reason) => {
        this.#untag(tag, key);
        if (reason === 'evict' || reason === 'expire') this.#went(key);
      },
    });
  }

  /** Bytes that one entry may have. */
  get mostBytes() {
    return Math.floor(this.#limit * kMostShare) - kOverhead;
  }

  /** @param {string} key */
  get(key) {
    return this.#kept.get(key);
  }

  /**
   * @param {string} key
   * @param {Entry} entry
   * @param {string} [tag] it goes with all of its tag
   */
  set(key, entry, tag) {
    if (this.#limit === 0) return;
    this.#kept.set(key, tag === undefined ? entry : { ...entry, tag });
    if (tag === undefined || !this.#kept.has(key)) return;
    let keys = this.#tagged.get(tag);
    if (!keys) this.#tagged.set(tag, (keys = new Set()));
    keys.add(key);
  }

  /** @param {string} key */
  delete(key) {
    this.#kept.delete(key);
  }

  /** @param {string} key of what had to go for others, or was too old */
  #went(key) {
    this.#gone.delete(key);
    this.#gone.add(key);
    if (this.#gone.size > kMostGone) this.#gone.delete(this.#gone.keys().next().value ?? '');
  }

  /**
   * Whether it was kept once, and would be there still, were there more room or more time.
   * @param {string} key
   */
  hadOnce(key) {
    return this.#gone.has(key);
  }

  /** @param {string} tag whose entries can't be right any more, or that nobody can make again */
  drop(tag) {
    for (const key of [...(this.#tagged.get(tag) ?? [])]) this.#kept.delete(key);
  }

  /**
   * @param {string|undefined} tag
   * @param {string} key
   */
  #untag(tag, key) {
    if (tag === undefined) return;
    const keys = this.#tagged.get(tag);
    keys?.delete(key);
    if (keys?.size === 0) this.#tagged.delete(tag);
  }

  /**
   * The latest used first.
   * @param {number} most
   */
  keys(most) {
    const keys = [];
    for (const key of this.#kept.keys()) {
      if (keys.length >= most) break;
      keys.push(key);
    }
    return keys;
  }

  /** How full it is, 0 to 1. */
  get fill() {
    return this.#limit ? this.#kept.calculatedSize / this.#limit : 1;
  }

  clear() {
    this.#kept.clear();
  }

  /** @returns {import('../index').ResultTier} */
  use() {
    this.#kept.purgeStale();
    return tierUse('memory', this.counts, {
      entries: this.#kept.size,
      bytes: this.#kept.calculatedSize,
      limit: this.#limit,
      state: this.#limit ? 'ok' : 'off',
    });
  }
}

module.exports = { MemoryTier };
