// Results in a Redis, for all clusters that use it. It may be away, slow, full or of another password: then it is left
// alone, a job waits for it once at most, and it is looked after from behind.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { Breaker } = require('./breaker');
const { requireRedis } = require('./require-redis');
const { tierUse } = require('./tiers');

const kPrefix = 'switchyard:result:1:';
const kMostBytes = 16 * 2 ** 20; // of a value
const kConnectMs = 2000;

class RedisTier {
  #client;
  #breaker;
  #ms;
  #timeout;
  #under = 0; // calls under way
  #isClosed = false;
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  counts = { hits: 0, misses: 0 };

  /**
   * @param {{ url: string, ms: number, timeout: number }} settings how long an entry stays, and a call waits
   * @param {import('../core/log').Logger} log
   * @param {() => number} [now] ms
   */
  constructor({ url, ms, timeout }, log, now) {
    this.#ms = ms;
    this.#timeout = timeout;
    this.#breaker = new Breaker('Redis', log, now);
    const Redis = requireRedis();
    this.#client = new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: kConnectMs,
      retryStrategy: () => null, // it is connected anew here, by a timer that keeps nothing alive
    });
    this.#client.on('error', (error) => this.#failed(error));
    this.#client.on('connect', () => this.#hold());
    this.#client.on('end', () => this.#failed(new Error('the connection has ended')));
    this.#connect();
  }

  async #connect() {
    if (this.#isClosed) return;
    try {
      if (this.#client.status === 'wait' || this.#client.status === 'end') await this.#client.connect();
      await this.#inTime(this.#client.ping());
      this.#breaker.worked();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    if (this.#isClosed) return;
    if (!this.#timer) this.#breaker.failed(error);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#connect();
    }, this.#breaker.waitMs).unref();
  }

  /** Its socket keeps the process alive while somebody waits for it, and not else. */
  #hold() {
    const { stream } = /** @type {{ stream?: import('node:net').Socket }} */ (/** @type {unknown} */ (this.#client));
    if (this.#under > 0) stream?.ref();
    else stream?.unref();
  }

  /**
   * @template T
   * @param {Promise<T>} answer
   * @returns {Promise<T>}
   */
  #inTime(answer) {
    return new Promise((resolve, reject) => {
      ++this.#under;
      this.#hold();
      const timer = setTimeout(
        () => reject(new Error('it does not answer in time')),
        Math.min(this.#timeout, kConnectMs),
      );
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    }).finally(() => {
      --this.#under;
      this.#hold();
    });
  }

  get #isReady() {
    return this.#client.status === 'ready' && !this.#breaker.isOpen && !this.#isClosed;
  }

  /**
   * @param {string} key
   * @returns {Promise<Buffer|undefined>} undefined: it has none, or is away
   */
  async get(key) {
    if (!this.#isReady) return undefined;
    try {
      const found = await this.#inTime(this.#client.getBuffer(kPrefix + key));
      return found ?? undefined;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /**
   * @param {string} key
   * @param {Buffer} bytes
   */
  async set(key, bytes) {
    if (!this.#isReady || bytes.length > kMostBytes) return;
    try {
      const name = kPrefix + key;
      if (this.#ms === Infinity) await this.#inTime(this.#client.set(name, bytes));
      else await this.#inTime(this.#client.set(name, bytes, 'PX', Math.max(1, Math.round(this.#ms))));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {string} key */
  async delete(key) {
    if (this.#isReady) await this.#inTime(this.#client.unlink(kPrefix + key)).catch((error) => this.#failed(error));
  }

  /** @returns {import('../index').ResultTier} what a Redis has is others', too: nobody counts it */
  use() {
    const state = this.#isReady ? 'ok' : 'away';
    return tierUse('redis', this.counts, { entries: null, bytes: null, state });
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#client.disconnect();
  }
}

module.exports = { RedisTier };
