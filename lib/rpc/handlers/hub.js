// What a manager tells, for all connections of a process: one listener for each of its events, however many hear it,
// each event made public once; metrics asked for once for all who want them at a time; whose job is whose.
'use strict';
const { randomBytes } = require('node:crypto');
const { GPUError, nowMs } = require('../../core');
const { publicPart } = require('./plain');

/** @typedef {import('../parts').Manager} Manager */
/**
 * @typedef {(data: object, about: { client?: string, job?: string }) => void} Listener `client`: whose job it is about
 */
/**
 * A client's job under way.
 * @typedef {object} Job
 * @property {string} id as its client knows it
 * @property {string} inner that no other job under way here has, as the manager knows it
 * @property {() => void} end
 */

const kProcess = `job-${randomBytes(4).toString('hex')}`; // unlike any other's, without telling which process it is
const kMostSubscriptions = 256; // of a client
const kFreshMs = 200; // for which metrics serve all who ask
/** Events about a job: heard by its own client, and by who may see everything. @type {ReadonlySet<string>} */
const kOfJobs = new Set(['workload-completed', 'workload-failed', 'progress']);

class Hub {
  /** @type {Map<string, { listeners: Set<Listener>, off: () => void }>} by event */
  #heard = new Map();
  /** @type {Map<string, { id: string, client: string }>} jobs under way, by the id that the manager knows */
  #jobs = new Map();
  /** @type {Map<string, number>} subscriptions of each client */
  #subscriptions = new Map();
  /** @type {{ at: number, promise: Promise<object> }|undefined} */
  #metrics;
  #last = 0;
  #manager;

  /** @param {Manager} manager */
  constructor(manager) {
    this.#manager = manager;
  }

  /**
   * @param {string} event
   * @param {Listener} listener
   * @returns {() => void} ends it
   */
  listen(event, listener) {
    let heard = this.#heard.get(event);
    if (!heard) this.#heard.set(event, (heard = this.#hear(event)));
    heard.listeners.add(listener);
    const { listeners, off } = heard;
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      off();
      this.#heard.delete(event);
    };
  }

  /** @param {string} event */
  #hear(event) {
    const emitter = /** @type {import('node:events').EventEmitter} */ (this.#manager);
    /** @type {Set<Listener>} */
    const listeners = new Set();
    const tell = (/** @type {{ workloadId?: string }} */ data) => {
      const job = kOfJobs.has(event) ? this.#jobs.get(data.workloadId ?? '') : undefined;
      const said = publicPart(job ? { ...data, workloadId: job.id } : data);
      for (const listener of [...listeners]) listener(said, { client: job?.client, job: data.workloadId });
    };
    emitter.on(event, tell);
    return { listeners, off: () => emitter.off(event, tell) };
  }

  /** The figures, a moment old at most. */
  metrics() {
    const now = nowMs();
    if (!this.#metrics || now - this.#metrics.at >= kFreshMs)
      this.#metrics = { at: now, promise: this.#manager.getMetrics().then(publicPart) };
    return this.#metrics.promise;
  }

  /**
   * A client's job begins.
   * @param {string|undefined} wanted its id, as the client has it; left out: one is made
   * @param {string} client
   * @param {(progress: { done: number, total: number }) => void} [onProgress]
   * @returns {Job}
   */
  begin(wanted, client, onProgress) {
    const made = `${kProcess}-${++this.#last}`;
    const id = wanted ?? made;
    // Two clients may call their jobs the same: neither is to hear of the other's.
    const inner = this.#jobs.has(id) ? `${id} ${made}` : id;
    this.#jobs.set(inner, { id, client });
    const off =
      onProgress &&
      this.listen('progress', (event, { job }) => {
        const { done, total } = /** @type {{ done: number, total: number }} */ (event);
        if (job === inner) onProgress({ done, total });
      });
    const end = () => {
      off?.();
      this.#jobs.delete(inner);
    };
    return { id, inner, end };
  }

  /**
   * One more subscription of a client.
   * @param {string} client
   * @returns {() => void} it has ended
   * @throws {GPUError} ERR_QUEUE_FULL: the client has too many
   */
  subscribe(client) {
    const count = this.#subscriptions.get(client) ?? 0;
    if (count >= kMostSubscriptions)
      throw new GPUError(
        'ERR_QUEUE_FULL',
        `this client has ${count} subscriptions with this worker, which is the most`,
      );
    this.#subscriptions.set(client, count + 1);
    return () => {
      const left = (this.#subscriptions.get(client) ?? 1) - 1;
      if (left > 0) this.#subscriptions.set(client, left);
      else this.#subscriptions.delete(client);
    };
  }
}

/** @type {WeakMap<object, Hub>} */
const hubs = new WeakMap();

/**
 * @param {Pick<Manager, never>} manager
 * @returns {Hub} the one that there is for it
 */
function hubOf(manager) {
  let hub = hubs.get(manager);
  if (!hub) hubs.set(manager, (hub = new Hub(/** @type {Manager} */ (manager))));
  return hub;
}

module.exports = { hubOf, kOfJobs };
