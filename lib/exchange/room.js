// What a service's clients may make it hold and do at a time, all its workers together: answers that are not read yet,
// and jobs under way. One table, in the primary; who finds no room waits a while. No clock of its own but for that.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { Keys } = require('./keys');
const { Quotas } = require('./quotas');

/**
 * What a request asks for.
 * @typedef {object} Wish
 * @property {string} client
 * @property {number} bytes of its answer that count; 0: none do
 * @property {number} jobs that it counts as: 1 or 0
 * @property {number} mostJobs of its client at a time
 * @property {number} cost of its job in ms; 0: it does not count
 * @property {number} mostCost of its client's jobs at a time
 * @property {number} ms that it may wait
 */
/**
 * Why there was no room: too many of its client's requests wait, its client's jobs, its client's answers, or all
 * answers together.
 * @typedef {'many'|'jobs'|'own-answers'|'answers'} Lack
 */
/** @typedef {{ jobs: number, cost: number, bytes: number, entries: number, waiting: number }} Client */
/**
 * @typedef {object} Entry
 * @property {unknown} owner
 * @property {number} number
 * @property {Wish} wish
 * @property {Client} client
 * @property {(lack?: Lack) => void} tell once: it may go on, or why not
 * @property {NodeJS.Timeout|undefined} timer while it waits
 * @property {boolean} inJob
 */

const kMostWaiting = 256; // requests of a client
const kPeakBytes = 64 * 2 ** 20; // answers of less at a time leave nothing that is worth tidying up

class Room {
  #held = 0;
  #peak = 0;
  /** @type {Map<string, Client>} */
  #clients = new Map();
  /** @type {Map<unknown, Map<number, Entry>>} by owner and number */
  #entries = new Map();
  /** @type {Set<Entry>} in the order in which they came */
  #waiting = new Set();
  /** @type {NodeJS.Timeout|undefined} */
  #over;
  /** What tokens may use a minute. */
  quotas = new Quotas();
  /** Which calls with a key run, or ran. */
  keys = new Keys();

  /**
   * @param {number} limit bytes of answers at a time
   * @param {() => void} [onPeakOver] many bytes of answers were held, and are not any more
   * @param {number} [overMs] for so long
   */
  constructor(limit, onPeakOver = () => {}, overMs = 2000) {
    this.limit = limit;
    this.onPeakOver = onPeakOver;
    this.overMs = overMs;
  }

  /** Bytes of answers. */
  get held() {
    return this.#held;
  }

  /**
   * @param {unknown} owner
   * @param {number} number that the owner has given to nothing else
   * @param {Wish} wish
   * @param {Entry['tell']} tell once, perhaps at once
   */
  enter(owner, number, wish, tell) {
    const client = this.#clientOf(wish.client);
    // One that is larger than the room has no more than a half of it to itself: small ones of others go on.
    wish = { ...wish, bytes: Math.min(wish.bytes, this.limit / 2) };
    /** @type {Entry} */
    const entry = { owner, number, wish, client, tell, timer: undefined, inJob: false };
    const lack = this.#lackOf(entry);
    if (lack && client.waiting >= kMostWaiting) {
      this.#drop(wish.client, client);
      tell('many');
      return;
    }
    ++client.entries;
    let own = this.#entries.get(owner);
    if (!own) this.#entries.set(owner, (own = new Map()));
    own.set(number, entry);
    if (!lack) {
      this.#admit(entry);
      return;
    }
    ++client.waiting;
    this.#waiting.add(entry);
    entry.timer = setTimeout(() => this.#giveUp(entry), wish.ms);
    entry.timer.unref();
  }

  /**
   * Its job has ended: its answer stays.
   * @param {unknown} owner
   * @param {number} number
   */
  endJob(owner, number) {
    const entry = this.#entries.get(owner)?.get(number);
    if (!entry?.inJob) return;
    this.#endJob(entry);
    this.#admitWaiting();
  }

  /**
   * It holds nothing any more, or waits no longer. Idempotent.
   * @param {unknown} owner
   * @param {number} number
   */
  leave(owner, number) {
    const entry = this.#entries.get(owner)?.get(number);
    if (!entry) return;
    this.#remove(entry);
    this.#admitWaiting();
  }

  /**
   * An owner has ended, and whatever it held.
   * @param {unknown} owner
   */
  forget(owner) {
    for (const entry of [...(this.#entries.get(owner)?.values() ?? [])]) this.#remove(entry);
    this.#admitWaiting();
    this.keys.forget(owner);
  }

  /**
   * @param {string} name
   * @returns {Client}
   */
  #clientOf(name) {
    let client = this.#clients.get(name);
    if (!client) this.#clients.set(name, (client = { jobs: 0, cost: 0, bytes: 0, entries: 0, waiting: 0 }));
    return client;
  }

  /**
   * @param {string} name
   * @param {Client} client
   */
  #drop(name, client) {
    if (client.entries === 0) this.#clients.delete(name);
  }

  /**
   * @param {Entry} entry
   * @returns {Lack|undefined}
   */
  #lackOf({ wish, client }) {
    const { jobs, mostJobs, cost, mostCost, bytes } = wish;
    if (jobs && client.jobs >= mostJobs) return 'jobs';
    if (cost && client.cost > 0 && client.cost + cost > mostCost) return 'jobs';
    if (!bytes) return undefined;
    if (this.#held === 0) return undefined; // a single answer may be as large as it has to be
    // A client's answers take no more than is free, and none takes more than it leaves: so there is always something
    // for another, and most for small ones, however many clients read nothing.
    const free = this.limit - this.#held;
    if (client.bytes > 0 && client.bytes + bytes > free) return 'own-answers';
    return bytes > free / 2 ? 'answers' : undefined;
  }

  /** @param {Entry} entry */
  #admit(entry) {
    const { client, wish } = entry;
    clearTimeout(entry.timer);
    if (this.#waiting.delete(entry)) --client.waiting;
    entry.inJob = true;
    client.jobs += wish.jobs;
    client.cost += wish.cost;
    client.bytes += wish.bytes;
    this.#held += wish.bytes;
    if (wish.bytes) this.#watchPeak();
    entry.tell();
  }

  /** In the order in which they came; what fits passes what does not. */
  #admitWaiting() {
    for (const entry of this.#waiting) if (!this.#lackOf(entry)) this.#admit(entry);
  }

  /** @param {Entry} entry */
  #endJob(entry) {
    entry.inJob = false;
    entry.client.jobs -= entry.wish.jobs;
    entry.client.cost -= entry.wish.cost;
    // What is left of sums of fractions.
    if (entry.client.cost < 1e-6) entry.client.cost = 0;
  }

  /** @param {Entry} entry */
  #giveUp(entry) {
    const lack = this.#lackOf(entry) ?? 'answers';
    this.#remove(entry);
    entry.tell(lack);
    this.#admitWaiting();
  }

  /** @param {Entry} entry */
  #remove(entry) {
    const { owner, number, client, wish } = entry;
    clearTimeout(entry.timer);
    const own = this.#entries.get(owner);
    own?.delete(number);
    if (own?.size === 0) this.#entries.delete(owner);
    if (this.#waiting.delete(entry)) {
      --client.waiting;
    } else {
      if (entry.inJob) this.#endJob(entry);
      client.bytes -= wish.bytes;
      this.#held -= wish.bytes;
      if (wish.bytes) this.#watchPeak();
    }
    --client.entries;
    this.#drop(wish.client, client);
  }

  /** What a peak of answers has left behind is worth tidying up once it is over for a while. */
  #watchPeak() {
    this.#peak = Math.max(this.#peak, this.#held);
    const isOver = this.#peak >= Math.min(kPeakBytes, this.limit / 2) && this.#held < this.#peak / 4;
    if (isOver && !this.#over) {
      this.#over = setTimeout(() => {
        this.#over = undefined;
        this.#peak = this.#held;
        this.onPeakOver();
      }, this.overMs);
      this.#over.unref();
    } else if (!isOver) {
      clearTimeout(this.#over);
      this.#over = undefined;
    }
  }
}

module.exports = { Room };
