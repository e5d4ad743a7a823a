// Kept results of one process: its memory, and behind it a Redis and a folder where they are configured. A hit moves up
// to the tiers before; what is made goes down to those behind, after its caller has it.
'use strict';
const { setImmediate } = require('node:timers/promises');
const { decodeEntry, encodeEntry } = require('./entry');
const { MemoryTier } = require('./memory-tier');
const { tierUse } = require('./tiers');

/** @typedef {import('./entry').Entry} Entry */
/** @typedef {import('../config/config').Config} Config */
/**
 * @typedef {object} SlowTier
 * @property {{ hits: number, misses: number }} counts
 * @property {(key: string) => Promise<Buffer|undefined>} get
 * @property {(key: string, bytes: Buffer) => Promise<void>} set
 * @property {(key: string) => Promise<void>} delete
 * @property {() => import('../index').ResultTier} use
 */

const kMostWrites = 64; // under way to slower tiers: what comes beyond is not copied there
const kMostHot = 1000; // keys that are remembered for the next run
const kWarmFill = 0.5; // of the memory is filled from the last run

class ResultCache {
  #memory;
  /** @type {import('./redis-tier').RedisTier|undefined} */
  #redis;
  /** @type {import('./disk-tier').DiskTier|undefined} */
  #disk;
  /** @type {SlowTier[]} in the order in which they are asked */
  #slow = [];
  /** @type {Map<string, Promise<Entry|undefined>>} what is being looked for */
  #finding = new Map();
  /** @type {Set<Promise<void>>} */
  #writes = new Set();
  /** @type {Map<string, string>} the names in slower tiers, of entries in memory that have others there */
  #names = new Map();
  #isClosed = false;
  #isWhole;
  /** Nothing is loaded ahead of its need, nor copied to slower tiers. */
  isPaused = false;

  /**
   * @param {Pick<Config, 'resultMemory'|'resultMemoryTime'|'redisUrl'|'resultRedisTime'|'redisTimeout'|'cacheDir'
   *   |'resultDisk'|'resultDiskTime'>} config
   * @param {import('../core/log').Logger} log
   * @param {{ isWhole?: (entry: Entry) => boolean, now?: () => number, epoch?: () => number }} [options] whether what
   *   comes out of a slower tier is an entry at all; clocks
   */
  constructor(config, log, { isWhole = () => true, ...clocks } = {}) {
    this.#isWhole = isWhole;
    this.#memory = new MemoryTier({ limit: config.resultMemory, ms: config.resultMemoryTime }, clocks.now);
    if (config.redisUrl !== undefined) {
      const { RedisTier } = require('./redis-tier');
      const { redisUrl: url, resultRedisTime: ms, redisTimeout: timeout } = config;
      this.#redis = new RedisTier({ url, ms, timeout }, log, clocks.now);
      this.#slow.push(this.#redis);
    }
    if (config.cacheDir !== undefined) {
      const { DiskTier } = require('./disk-tier');
      const { cacheDir: folder, resultDisk: limit, resultDiskTime: ms } = config;
      this.#disk = new DiskTier({ folder, limit, ms }, log, clocks);
      this.#slow.push(this.#disk);
    }
  }

  /** Whether there is a tier behind the memory. */
  get hasSlow() {
    return this.#slow.length > 0;
  }

  /** Bytes that the outputs of a result may have. */
  get mostBytes() {
    return this.#memory.mostBytes;
  }

  /**
   * What this process's memory has. A miss counts as one of the memory; slower tiers are asked by find().
   * @param {string} key
   * @returns {Entry|undefined}
   */
  get(key) {
    const entry = this.#memory.get(key);
    if (!entry) {
      ++this.#memory.counts.misses;
      return undefined;
    }
    ++this.#memory.counts.hits;
    this.#disk?.touch(this.#names.get(key) ?? key);
    return entry;
  }

  /**
   * Whether a result was kept once, and would be there still, were there more room or more time.
   * @param {string} key
   */
  hadOnce(key) {
    return this.#memory.hadOnce(key);
  }

  /**
   * What slower tiers have; equal questions are one.
   * @param {string} key by which the memory will have it
   * @param {string} name by which slower tiers know it, on other machines and in other runs, too
   * @param {string} [tag]
   * @returns {Promise<Entry|undefined>}
   */
  find(key, name, tag) {
    const warm = name === key ? undefined : this.#memory.get(name);
    if (warm) {
      this.#memory.set(key, warm, tag);
      return Promise.resolve(warm);
    }
    let finding = this.#finding.get(name);
    if (!finding) {
      finding = this.#find(key, name, tag).finally(() => this.#finding.delete(name));
      this.#finding.set(name, finding);
    }
    return finding;
  }

  /**
   * @param {string} key
   * @param {string} name
   * @param {string|undefined} tag
   */
  async #find(key, name, tag) {
    for (const [i, tier] of this.#slow.entries()) {
      const bytes = await tier.get(name);
      const entry = bytes && (await this.#decode(bytes));
      if (bytes && !entry) await tier.delete(name);
      if (!entry || !bytes) {
        ++tier.counts.misses;
        continue;
      }
      ++tier.counts.hits;
      this.#keep(key, name, entry, tag);
      for (const before of this.#slow.slice(0, i)) this.#write(() => before.set(name, bytes));
      return entry;
    }
    return undefined;
  }

  /**
   * @param {Buffer} bytes
   * @returns {Promise<Entry|undefined>}
   */
  async #decode(bytes) {
    const entry = await decodeEntry(bytes, this.mostBytes);
    return entry && this.#isWhole(entry) ? entry : undefined;
  }

  /**
   * @param {string} key
   * @param {string} name
   * @param {Entry} entry
   * @param {string|undefined} tag
   */
  #keep(key, name, entry, tag) {
    this.#memory.set(key, entry, tag);
    if (name === key) return;
    if (this.#names.size > 4 * kMostHot) this.#names.clear();
    this.#names.set(key, name);
  }

  /**
   * A result that was made.
   * @param {string} key
   * @param {string|undefined} name undefined: it means nothing to other processes
   * @param {Entry} entry
   * @param {string} [tag]
   */
  put(key, name, entry, tag) {
    if (this.#isClosed) return;
    this.#keep(key, name ?? key, entry, tag);
    if (name === undefined || !this.hasSlow) return;
    this.#write(async () => {
      const bytes = await encodeEntry(entry);
      await Promise.all(this.#slow.map((tier) => tier.set(name, bytes)));
    });
  }

  /** @param {() => Promise<void>} write to slower tiers, which nobody waits for */
  #write(write) {
    if (this.isPaused || this.#isClosed || this.#writes.size >= kMostWrites) return;
    const under = write().finally(() => this.#writes.delete(under));
    this.#writes.add(under);
  }

  /** @param {string} tag whose entries can't be right any more, or that nobody can make again */
  drop(tag) {
    this.#memory.drop(tag);
  }

  /** @param {string} key of an entry in memory that nobody could make now */
  forget(key) {
    this.#memory.delete(key);
  }

  /** Gives its memory back. */
  trim() {
    this.#memory.clear();
  }

  /** Loads what the last run has used last, bit by bit. */
  async warmUp() {
    const disk = this.#disk;
    if (!disk) return;
    for (const name of await disk.hot()) {
      if (this.isPaused || this.#isClosed || this.#memory.fill >= kWarmFill) return;
      const bytes = await disk.get(name);
      const entry = bytes && (await this.#decode(bytes));
      if (entry) this.#memory.set(name, entry);
      await setImmediate();
    }
  }

  /** @returns {import('../index').ResultTier[]} */
  use() {
    const none = { hits: 0, misses: 0 };
    return [
      this.#memory.use(),
      this.#redis?.use() ?? tierUse('redis', none),
      this.#disk?.use() ?? tierUse('disk', none),
    ];
  }

  /** Resolves when nothing is on its way to slower tiers. */
  async settled() {
    while (this.#writes.size) await Promise.all(this.#writes);
  }

  /** What is on its way to slower tiers is written first. */
  async close() {
    if (this.#isClosed) return;
    await this.settled();
    this.#isClosed = true;
    const keys = this.#memory.keys(kMostHot).map((key) => this.#names.get(key) ?? key);
    if (keys.length) await this.#disk?.setHot(keys);
    this.#redis?.close();
    this.#memory.clear();
  }
}

module.exports = { ResultCache };
