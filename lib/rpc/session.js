// A connection's calls and subscriptions: what is under way in it, how it is canceled, and what goes on telling.
'use strict';
const { GPUError } = require('../core');

/** @typedef {import('./call').Caller} Caller */
/** @typedef {string|number|null} Id */
/** @typedef {(method: string, params: object) => boolean} Notify false: its client does not read, it was left out */

const kMostCalls = 256; // under way at a time

class Session {
  /** @type {Map<Id, Set<AbortController>>} */
  #calls = new Map();
  #count = 0;
  /** @type {Map<string, () => void>} what ends each subscription */
  #subscriptions = new Map();
  #closing = new AbortController();

  /**
   * @param {Caller} caller
   * @param {Notify} [notify] sends a notification; left out: the door has no way for them
   */
  constructor(caller, notify) {
    this.caller = caller;
    this.notify = notify;
  }

  /** Whether the connection has ended. */
  get closed() {
    return this.#closing.signal.aborted;
  }

  /** Aborts when the connection ends. */
  get signal() {
    return this.#closing.signal;
  }

  /** Names of subscriptions, and what ends each. */
  get subscriptions() {
    return this.#subscriptions;
  }

  /**
   * A call begins: its signal aborts when it is canceled, or the connection ends.
   * @param {Id|undefined} id undefined: a notification, which nobody can cancel
   * @returns {{ signal: AbortSignal, done: () => void }}
   * @throws {GPUError} ERR_QUEUE_FULL: too many are under way
   */
  begin(id) {
    if (this.#count >= kMostCalls)
      throw Object.assign(
        new GPUError('ERR_QUEUE_FULL', `this connection has ${kMostCalls} calls under way, which is the most`),
        { retryAfter: 100 },
      );
    ++this.#count;
    const controller = new AbortController();
    if (this.closed) controller.abort(new Error('the connection has ended'));
    const key = id === undefined ? null : id;
    const same = this.#calls.get(key) ?? new Set();
    this.#calls.set(key, same.add(controller));
    const done = () => {
      if (!same.delete(controller)) return;
      --this.#count;
      if (same.size === 0) this.#calls.delete(key);
    };
    return { signal: controller.signal, done };
  }

  /**
   * Cancels the call of that id, where it is under way.
   * @param {unknown} id
   */
  cancel(id) {
    if (typeof id !== 'string' && typeof id !== 'number') return;
    for (const controller of this.#calls.get(id) ?? []) controller.abort(new Error('it was canceled'));
  }

  /** The connection has ended: all that it asked for is canceled. Idempotent. */
  close() {
    if (this.closed) return;
    this.#closing.abort();
    for (const stop of [...this.#subscriptions.values()]) stop();
    for (const same of [...this.#calls.values()])
      for (const controller of [...same]) controller.abort(new Error('the connection has ended'));
  }
}

module.exports = { Session };
