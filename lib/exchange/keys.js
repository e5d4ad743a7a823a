// Calls with an idempotency key: the same key of the same client again is the same call, and has its answer, whichever
// worker it reaches. One table, in the primary, for all workers together. Bounded, and for a while: who sends a call
// again does so within minutes.
'use strict';
const { nowMs } = require('../core');

/** @typedef {{ client: string, key: string, digest: string }} KeyedCall `digest`: of its method and params */
/**
 * What a call with a key is to do: run, or take the answer that there is, as JSON; or why it can't: the key is another
 * call's, or too many of them run.
 * @typedef {{ run: true } | { result: string } | { refused: 'other'|'many' }} Turn
 */
/** @typedef {{ owner: unknown, number: number, tell: (turn: Turn) => void }} Asker */
/**
 * @typedef {object} Entry
 * @property {KeyedCall} call
 * @property {number} since its answer has been there
 * @property {string|undefined} result undefined: it runs
 * @property {Asker} runner
 * @property {Asker[]} waiting for the runner's answer
 */

const kKeptMs = 600_000;
const kMost = 4096; // keys of all clients
const kMostOfClient = 256;
const kMostBytes = 16 * 2 ** 20; // of all answers

class Keys {
  /** @type {Map<string, Map<string, Entry>>} by client and key: what was answered the longest ago first */
  #clients = new Map();
  /** @type {Map<unknown, Map<number, Entry>>} what runs or waits, by who has asked */
  #askers = new Map();
  #count = 0;
  #bytes = 0;
  #now;

  /** @param {() => number} [now] ms */
  constructor(now = nowMs) {
    this.#now = now;
  }

  /** How many are known. */
  get count() {
    return this.#count;
  }

  /**
   * @param {unknown} owner
   * @param {number} number that the owner has given to nothing else
   * @param {KeyedCall} call
   * @param {(turn: Turn) => void} tell once, perhaps at once; who is to run it says done() afterwards
   */
  ask(owner, number, call, tell) {
    this.#forgetOld();
    const asker = { owner, number, tell };
    const known = this.#clients.get(call.client)?.get(call.key);
    if (known && known.call.digest !== call.digest) return tell({ refused: 'other' });
    if (known?.result !== undefined) return tell({ result: known.result });
    if (known) {
      known.waiting.push(asker);
      return this.#note(asker, known);
    }
    if (!this.#makeRoom(call.client)) return tell({ refused: 'many' });
    /** @type {Entry} */
    const entry = { call, since: Infinity, result: undefined, runner: asker, waiting: [] };
    this.#add(entry);
    this.#note(asker, entry);
    return tell({ run: true });
  }

  /**
   * Who was to run it has its answer; or has none, or waits no longer: then the next one runs it. Idempotent.
   * @param {unknown} owner
   * @param {number} number
   * @param {string} [result] as JSON; left out: it failed, or its caller has gone
   */
  done(owner, number, result) {
    const entry = this.#askers.get(owner)?.get(number);
    if (!entry) return;
    this.#drop(owner, number);
    const { runner, waiting } = entry;
    if (runner.owner !== owner || runner.number !== number) {
      entry.waiting = waiting.filter((each) => each.owner !== owner || each.number !== number);
    } else if (result === undefined) {
      this.#next(entry);
    } else {
      this.#answer(entry, result);
    }
  }

  /**
   * An owner has ended: what it ran is run by the next one that waits, and may be sent again.
   * @param {unknown} owner
   */
  forget(owner) {
    for (const number of [...(this.#askers.get(owner)?.keys() ?? [])]) this.done(owner, number);
  }

  /** @param {Entry} entry */
  #next(entry) {
    const next = entry.waiting.shift();
    if (!next) {
      this.#remove(entry);
      return;
    }
    entry.runner = next;
    next.tell({ run: true });
  }

  /**
   * @param {Entry} entry
   * @param {string} result
   */
  #answer(entry, result) {
    this.#remove(entry);
    entry.result = result;
    entry.since = this.#now();
    this.#add(entry);
    for (const { owner, number, tell } of entry.waiting.splice(0)) {
      this.#drop(owner, number);
      tell({ result });
    }
    while (this.#bytes > kMostBytes && this.#removeFirst()) continue;
  }

  /**
   * @param {string} client
   * @returns {boolean} false: all that there may be run
   */
  #makeRoom(client) {
    const own = this.#clients.get(client);
    if (own && own.size >= kMostOfClient && !this.#removeFirst(own)) return false;
    return this.#count < kMost || this.#removeFirst();
  }

  /**
   * @param {Map<string, Entry>} [own] of one client; left out: of the one that has been silent for the longest
   * @returns {boolean} whether there was one that has its answer
   */
  #removeFirst(own) {
    for (const entries of own ? [own] : this.#clients.values())
      for (const entry of entries.values())
        if (entry.result !== undefined) {
          this.#remove(entry);
          return true;
        }
    return false;
  }

  /** @param {Entry} entry */
  #add(entry) {
    const { client, key } = entry.call;
    const own = this.#clients.get(client) ?? new Map();
    // Behind the others: the first of all clients is the one that has been silent for the longest.
    this.#clients.delete(client);
    this.#clients.set(client, own.set(key, entry));
    ++this.#count;
    this.#bytes += entry.result?.length ?? 0;
  }

  /** @param {Entry} entry */
  #remove({ call: { client, key }, result }) {
    const own = this.#clients.get(client);
    if (!own?.delete(key)) return;
    --this.#count;
    this.#bytes -= result?.length ?? 0;
    if (own.size === 0) this.#clients.delete(client);
  }

  /**
   * @param {Asker} asker
   * @param {Entry} entry
   */
  #note({ owner, number }, entry) {
    const own = this.#askers.get(owner) ?? new Map();
    this.#askers.set(owner, own.set(number, entry));
  }

  /**
   * @param {unknown} owner
   * @param {number} number
   */
  #drop(owner, number) {
    const own = this.#askers.get(owner);
    own?.delete(number);
    if (own?.size === 0) this.#askers.delete(owner);
  }

  #forgetOld() {
    const before = this.#now() - kKeptMs;
    for (const own of this.#clients.values())
      for (const entry of own.values()) if (entry.since < before) this.#remove(entry);
  }
}

module.exports = { Keys, kKeptMs, kMost, kMostOfClient };
