// Calls with an idempotency key: the same key of the same client again is the same call, and has its answer. Bounded,
// and for a while: a client that sends again does so within minutes.
'use strict';
const { createHash } = require('node:crypto');
const { invalid, nowMs, show } = require('../core');
const { tensorsOf } = require('./tensors');

/** @typedef {{ digest: string, result: Promise<object>, since: number }} Entry */

const kKeptMs = 600_000;
const kMost = 4096; // keys of all clients
const kMostOfClient = 256;

/**
 * @param {string} method
 * @param {unknown} params with their tensors
 */
function digestOf(method, params) {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([method, params], (_, value) => (ArrayBuffer.isView(value) ? null : value)));
  for (const { data } of tensorsOf(params)) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex');
}

class Repeats {
  /** @type {Map<string, Map<string, Entry>>} by client and key, the oldest first */
  #clients = new Map();
  #count = 0;

  /**
   * Runs a call, or gives what the same call has given or will give. One that fails is not kept: it may be sent again.
   * @param {{ client: string, key: string, method: string, params: unknown }} call
   * @param {() => Promise<object>} run
   * @returns {Promise<object>}
   * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT: the key is another call's
   */
  async run({ client, key, method, params }, run) {
    this.#forgetOld();
    const digest = digestOf(method, params);
    const known = this.#clients.get(client)?.get(key);
    if (known) {
      if (known.digest !== digest)
        throw invalid(`idempotencyKey is ${show(key)}, which another call had: each call has a key of its own`);
      return known.result;
    }
    const result = run();
    this.#add(client, key, { digest, result, since: nowMs() });
    try {
      return await result;
    } catch (error) {
      this.#remove(client, key);
      throw error;
    }
  }

  /**
   * @param {string} client
   * @param {string} key
   * @param {Entry} entry
   */
  #add(client, key, entry) {
    const own = this.#clients.get(client) ?? new Map();
    // Behind the others: the first of all clients is the one that has been silent for the longest.
    this.#clients.delete(client);
    this.#clients.set(client, own.set(key, entry));
    ++this.#count;
    if (own.size > kMostOfClient) this.#remove(client, own.keys().next().value);
    if (this.#count > kMost) {
      const [first, entries] = /** @type {[string, Map<string, Entry>]} */ (this.#clients.entries().next().value);
      this.#remove(first, /** @type {string} */ (entries.keys().next().value));
    }
  }

  /**
   * @param {string} client
   * @param {string} key
   */
  #remove(client, key) {
    const own = this.#clients.get(client);
    if (!own?.delete(key)) return;
    --this.#count;
    if (own.size === 0) this.#clients.delete(client);
  }

  #forgetOld() {
    const before = nowMs() - kKeptMs;
    for (const [client, own] of this.#clients)
      for (const [key, { since }] of own) {
        if (since >= before) break;
        this.#remove(client, key);
      }
  }
}

module.exports = { Repeats, kKeptMs, kMostOfClient };
