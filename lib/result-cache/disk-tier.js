// Results in a folder, for all processes that have it, and the next run. It may be full, damaged or not to be written
// to: then it is left alone for a while.
'use strict';
const { epochMs } = require('../core');
const { Breaker } = require('./breaker');
const { tierUse } = require('./tiers');

const kPrefix = 'result:1:';
const kHot = 'hot:1'; // the keys that were used last
const kFull = 0.9; // of its limit is left, once it is full
const kUnseen = 1 / 8; // of its limit may come from this process, before it looks what others have written
const kMostUsed = 65_536; // entries of which it is remembered when they were used
const kMissing = new Set(['ENOENT']);
const kDamaged = new Set(['EINTEGRITY', 'EBADSIZE']);

/** @returns {typeof import('cacache')} loaded where a folder is used */
const cacache = () => require('cacache');

/**
 * All of its lines in the index, and not one more that says it is gone.
 * @param {string} folder
 * @param {string} name
 */
function removeEntry(folder, name) {
  const remove = /** @type {(folder: string, name: string, options: object) => Promise<unknown>} */ (
    /** @type {unknown} */ (cacache().rm.entry)
  );
  return remove(folder, name, { removeFully: true });
}

class DiskTier {
  #folder;
  #limit;
  #ms;
  #breaker;
  #epoch;
  #bytes = 0; // with what others had written when they were counted last
  #entries = 0;
  #written = 0; // bytes, by this process since then
  /** @type {Promise<void>|undefined} the first look at what is there */
  #counted;
  /** @type {Promise<void>|undefined} what is taken out, once it is full */
  #trimming;
  /** @type {Map<string, number>} when this process used each last */
  #used = new Map();
  counts = { hits: 0, misses: 0 };

  /**
   * @param {{ folder: string, limit: number, ms: number }} settings bytes, and how long an entry stays
   * @param {import('../core/log').Logger} log
   * @param {{ now?: () => number, epoch?: () => number }} [clocks] ms
   */
  constructor({ folder, limit, ms }, log, { now, epoch = epochMs } = {}) {
    this.#folder = folder;
    this.#limit = limit;
    this.#ms = ms;
    this.#epoch = epoch;
    this.#breaker = new Breaker('the folder of results', log, now);
  }

  /**
   * Does something with the folder, while it works.
   * @template T
   * @param {() => Promise<T>} work
   * @param {ReadonlySet<string>} [fine] codes of errors that say nothing of the folder
   * @returns {Promise<{ value?: T, code?: string }>}
   */
  async #try(work, fine = kMissing) {
    if (!this.#breaker.allows) return {};
    try {
      const value = await work();
      this.#breaker.worked();
      return { value };
    } catch (error) {
      if (!fine.has(error.code) && !kDamaged.has(error.code)) this.#breaker.failed(error);
      return { code: error.code };
    }
  }

  /** What lies there already is counted once. */
  #count() {
    this.#counted ??= this.#try(async () => {
      const all = Object.values(await cacache().ls(this.#folder));
      this.#entries += all.length;
      for (const { size } of all) this.#bytes += size;
      return true;
    }).then(({ value }) => {
      if (!value) this.#counted = undefined;
    });
    return this.#counted;
  }

  /** @param {string} name of an entry that is used now */
  #use(name) {
    this.#used.delete(name);
    this.#used.set(name, this.#epoch());
    if (this.#used.size > kMostUsed) this.#used.delete(this.#used.keys().next().value ?? '');
  }

  /**
   * @param {string} key
   * @returns {Promise<Buffer|undefined>} undefined: there is none, it is too old or damaged, or the folder is left
   *   alone
   */
  async get(key) {
    const name = kPrefix + key;
    const { value, code } = await this.#try(() => cacache().get(this.#folder, name));
    if (code !== undefined && kDamaged.has(code)) await this.delete(key);
    if (!value) return undefined;
    const { expires } = /** @type {{ expires: number|null }} */ (value.metadata ?? { expires: 0 });
    if (expires !== null && expires <= this.#epoch()) {
      await this.delete(key);
      return undefined;
    }
    this.#use(name);
    return value.data;
  }

  /**
   * @param {string} key
   * @param {Buffer} bytes
   */
  async set(key, bytes) {
    if (bytes.length > this.#limit || !this.#breaker.allows) return;
    await this.#count();
    const expires = this.#ms === Infinity ? null : this.#epoch() + this.#ms;
    const { value } = await this.#try(
      () => cacache().put(this.#folder, kPrefix + key, bytes, { metadata: { expires } }),
      new Set(),
    );
    if (!value) return;
    this.#use(kPrefix + key);
    this.#bytes += bytes.length;
    this.#written += bytes.length;
    ++this.#entries;
    if (this.#bytes > this.#limit || this.#written > kUnseen * this.#limit) {
      this.#trimming ??= this.#trim().finally(() => {
        this.#trimming = undefined;
      });
      await this.#trimming;
    }
  }

  /** Looks what is there: what is too old goes, and beyond the limit what was used least lately. */
  async #trim() {
    await this.#try(async () => {
      const now = this.#epoch();
      const all = Object.values(await cacache().ls(this.#folder)).filter(({ key }) => key.startsWith(kPrefix));
      const age = (/** @type {typeof all[number]} */ { key, time, metadata }) =>
        metadata?.expires !== null && metadata?.expires <= now ? 0 : Math.max(time, this.#used.get(key) ?? 0);
      all.sort((a, b) => age(a) - age(b));
      let bytes = all.reduce((sum, { size }) => sum + size, 0);
      let entries = all.length;
      const room = bytes > this.#limit ? kFull * this.#limit : this.#limit;
      for (const entry of all) {
        if (bytes <= room && age(entry) > 0) break;
        await this.#remove(entry.key, entry.integrity);
        bytes -= entry.size;
        --entries;
      }
      this.#bytes = bytes;
      this.#entries = entries;
      this.#written = 0;
    });
  }

  /**
   * @param {string} name
   * @param {string} integrity
   */
  async #remove(name, integrity) {
    this.#used.delete(name);
    await removeEntry(this.#folder, name);
    await cacache().rm.content(this.#folder, integrity);
  }

  /** @param {string} key */
  async delete(key) {
    const name = kPrefix + key;
    await this.#try(async () => {
      const info = await cacache().get.info(this.#folder, name);
      if (!info) return;
      await this.#remove(name, info.integrity);
      this.#bytes = Math.max(0, this.#bytes - (info.size ?? 0));
      this.#entries = Math.max(0, this.#entries - 1);
    });
  }

  /**
   * It was used, though from memory: it stays here for as long as what was read here.
   * @param {string} key
   */
  touch(key) {
    const name = kPrefix + key;
    if (this.#used.has(name)) this.#use(name);
  }

  /**
   * For the next run.
   * @param {readonly string[]} keys the latest used first
   */
  async setHot(keys) {
    await this.#try(() => cacache().put(this.#folder, kHot, Buffer.from(JSON.stringify(keys))), new Set());
  }

  /** @returns {Promise<string[]>} what the last run has used last */
  async hot() {
    const { value, code } = await this.#try(async () => {
      const { data } = await cacache().get(this.#folder, kHot);
      const keys = JSON.parse(data.toString());
      return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
    });
    if (code !== undefined && kDamaged.has(code)) await this.#try(() => removeEntry(this.#folder, kHot));
    return value ?? [];
  }

  /** @returns {import('../index').ResultTier} */
  use() {
    return tierUse('disk', this.counts, {
      entries: this.#entries,
      bytes: this.#bytes,
      limit: this.#limit,
      state: this.#breaker.isOpen ? 'away' : 'ok',
    });
  }
}

module.exports = { DiskTier };
