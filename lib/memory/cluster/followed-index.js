// An index that a process stands by with: read in the files of the store that another process owns, and kept up to date
// by the records that this one sends. It is read anew when a checkpoint has put files in the place of records, so that
// no more of it lies in memory than the owner has there.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { collectionOf, openBeside } = require('../store');
const { IndexCore } = require('../vectors/index-core');
const { ownerOf } = require('../vectors/owner');

/** @typedef {import('../store').Store} Store */
/** @typedef {import('../vectors/replay').Recorded} Recorded */
/** @typedef {import('./host-indexes').Named} Named */
/** @typedef {import('./followers').Records} Records */
/** @typedef {{ upTo: number }} Expected what comes by the queue is behind that record */
/** @typedef {{ since: Recorded[] }} Renewal what has come since it began */

const kRenewMs = 500; // after a checkpoint: others may follow it
const kAtOnce = 1024; // records
const kMostQueued = 256 << 20; // bytes of them, that have come while the files are read

class FollowedIndex {
  #manager;
  #folder;
  #named;
  #log;
  /** @type {IndexCore|undefined} */
  #core;
  /** @type {Recorded[]} that have come and are not applied yet */
  #queue = [];
  #queued = 0; // bytes of them
  /** @type {Expected} */
  #expected = { upTo: 0 };
  #isBehind = true; // what lies before the queue is still to be read
  #isLost = false; // a record could not be applied
  #isApplying = false;
  /** @type {Promise<unknown>} what changes the core, one behind the other */
  #running = Promise.resolve();
  /** @type {Renewal|undefined} */
  #renewal;
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  #hasEnded = false;

  /**
   * @param {{ manager: import('../../cluster').GPUClusterManager, folder: string, named: Named,
   *   log: import('../../core/log').Logger }} parts
   */
  constructor({ manager, folder, named, log }) {
    this.#manager = manager;
    this.#folder = folder;
    this.#named = named;
    this.#log = log;
  }

  /**
   * @param {number} upTo the last record that is to be read in the files: those behind it will be sent
   * @returns {(store: Store) => Promise<void>} which reads in a store, as it is from now on, what is not here
   */
  expect(upTo) {
    const expected = { upTo };
    this.#expected = expected;
    this.#queue = [];
    this.#queued = 0;
    this.#isBehind = true;
    this.#isLost = false;
    this.#renewal = undefined;
    return (store) =>
      this.#inTurn(async () => {
        // Of an owner that comes later its own reading sees to it.
        if (!this.#hasEnded && this.#expected === expected) await this.#read(store, upTo);
        if (this.#expected !== expected) return;
        this.#isBehind = false;
        this.#apply();
      });
  }

  /**
   * @param {Store} store
   * @param {number} upTo
   */
  async #read(store, upTo) {
    const collection = await this.#collectionOf(store);
    const state = await this.#core?.journal.catchUp(collection, upTo);
    if (!state) {
      await this.#use(await this.#make(collection, upTo));
      return;
    }
    const files = new Set(this.#core?.journal.files);
    if (state.segments.some(({ file }) => !files.has(file))) this.renew();
  }

  /**
   * @param {Records} records
   * @param {Uint8Array[]} parts
   * @returns {boolean} false: it can't keep up, and is to be read anew
   */
  push({ sequences, sizes }, parts) {
    if (this.#isLost || this.#queued > kMostQueued) return false;
    let at = 0;
    for (const [i, sequence] of sequences.entries()) {
      const pieces = parts.slice(at, (at += sizes[i]));
      const record = { sequence, bytes: pieces.length === 1 ? pieces[0] : Buffer.concat(pieces) };
      this.#queue.push(record);
      this.#queued += record.bytes.length;
      this.#renewal?.since.push(record);
    }
    this.#apply();
    return true;
  }

  /** The owner has made a checkpoint. */
  renew() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#renew().catch((error) => this.#tell(error)); // what there is stays right
    }, kRenewMs).unref();
  }

  /** Nothing more is heard of it, and it is let go of. */
  async end() {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.#use(undefined);
  }

  /**
   * The index, which is the caller's from now on.
   * @param {Named} named
   * @returns {Promise<IndexCore|undefined>} undefined: what is here is of no use
   */
  async take(named) {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    await this.#running;
    if (this.isOf(named)) return this.#core;
    await this.#use(undefined);
    return undefined;
  }

  /** @param {Named} named whether it is of this kind */
  isOf({ dimensions, metric, dtype }) {
    const mine = this.#named;
    return mine.dimensions === dimensions && mine.metric === metric && mine.dtype === dtype;
  }

  /** @param {() => Promise<void>} run */
  #inTurn(run) {
    const mine = this.#running.then(run);
    this.#running = mine.catch(() => {}); // which its caller is told
    return mine;
  }

  /** @param {Store} store */
  #collectionOf(store) {
    return collectionOf(store, `index/${this.#named.name}`);
  }

  /**
   * @param {Awaited<ReturnType<typeof collectionOf>>} collection
   * @param {number} upTo
   */
  async #make(collection, upTo) {
    const { dimensions, metric, dtype } = this.#named;
    const checked = new Set(this.#core?.journal.files);
    const place = { collection, isShared: true };
    const core = new IndexCore(ownerOf(this.#manager), { dimensions, metric, dtype }, {}, place);
    try {
      await core.follow(upTo, checked);
      return core;
    } catch (error) {
      await core.close();
      throw error;
    }
  }

  /** @param {IndexCore|undefined} core in the place of the one before */
  async #use(core) {
    const before = this.#core;
    this.#core = core;
    await before?.close().catch(() => {}); // there is nothing of it that could be lost
  }

  async #apply() {
    if (this.#isApplying || this.#isBehind) return;
    this.#isApplying = true;
    try {
      while (this.#queue.length && !this.#isBehind && !this.#hasEnded)
        await this.#inTurn(async () => {
          if (this.#isBehind) return;
          const some = this.#queue.splice(0, kAtOnce);
          for (const { bytes } of some) this.#queued -= bytes.length;
          await this.#core?.journal.follow(some);
        });
    } catch (error) {
      this.#tell(error);
      this.#isLost = this.#isBehind = true; // until it is read anew
      await this.#inTurn(() => this.#use(undefined));
    } finally {
      this.#isApplying = false;
    }
  }

  async #renew() {
    /** @type {Renewal} */
    const renewal = { since: [] };
    let upTo = 0;
    await this.#inTurn(async () => {
      if (this.#hasEnded || this.#isBehind || !this.#core) return;
      renewal.since.push(...this.#queue);
      upTo = this.#core.journal.last;
      this.#renewal = renewal;
    });
    if (this.#renewal !== renewal) return;
    try {
      await this.#readAnew(renewal, upTo);
    } finally {
      if (this.#renewal === renewal) this.#renewal = undefined; // it failed, and what comes is kept for it no longer
    }
  }

  /**
   * @param {Renewal} renewal
   * @param {number} upTo
   */
  async #readAnew(renewal, upTo) {
    const store = await openBeside(this.#folder);
    try {
      const core = await this.#make(await this.#collectionOf(store), upTo);
      await this.#inTurn(async () => {
        if (this.#hasEnded || this.#renewal !== renewal) {
          await core.close();
          return;
        }
        this.#renewal = undefined;
        await core.journal.follow(renewal.since);
        await this.#use(core);
      });
    } finally {
      await store.close();
    }
  }

  /** @param {Error} error */
  #tell(error) {
    this.#log.warn({ index: this.#named.name, reason: error.message }, 'an index that stands by could not be read');
  }
}

module.exports = { FollowedIndex };
