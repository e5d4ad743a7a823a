// Stands by beside the owner of a store: has its indexes as the store's files have them, applies what the owner goes on
// to write, and so needs but what has come in its last moment when it is to go on in the owner's place.
'use strict';
const { setTimeout: wait } = require('node:timers/promises');
const { GPUError } = require('../../core');
const { openBeside } = require('../store');
const { FollowedIndex } = require('./followed-index');
const { Link } = require('./link');
const { connectTo } = require('./routes');

/** @typedef {import('../../cluster').GPUClusterManager} Manager */
/** @typedef {import('../../cluster/wire/resource-messages').StandByMessage} StandByMessage */
/** @typedef {import('../vectors/index-core').IndexCore} IndexCore */
/** @typedef {import('./followers').Followed} Followed */
/** @typedef {import('./followers').Records} Records */
/** @typedef {import('./host-indexes').Named} Named */
/** @typedef {(store: import('../store').Store) => Promise<void>} Reading of what an index has in the files by now */
/**
 * What the owner sends: the answer to 'follow', and from then on what happens.
 * @typedef {{ value?: Followed[], error?: unknown, opened?: Followed, closed?: string, checkpoint?: string,
 *   records?: Records & { index: string } }} Told
 */

const kAgainMs = 100; // after the owner has cut this process off
const kMostPauseMs = 10_000; // between tries that fail

class StandBy {
  #manager;
  #folderOf;
  #log;
  /** @type {Map<string, FollowedIndex>} */
  #indexes = new Map();
  /** @type {Link|undefined} to the owner */
  #link;
  #turn = 0;
  #cuts = 0; // by that owner
  #folder = ''; // of the store
  #hasEnded = false;

  /**
   * @param {{ manager: Manager, folderOf: (ofCluster: string) => string, log: import('../../core/log').Logger }} parts
   */
  constructor({ manager, folderOf, log }) {
    this.#manager = manager;
    this.#folderOf = folderOf;
    this.#log = log;
  }

  /**
   * @param {StandByMessage} how
   * @returns {Promise<boolean>} once all that there is is here; false: that owner has gone, or another one came
   */
  follow(how) {
    this.#cuts = 0;
    return this.#follow(how);
  }

  /** @param {StandByMessage} how */
  async #follow(how) {
    this.#turn = how.turn;
    this.#leave();
    for (let pause = kAgainMs; this.#isOf(how); pause = Math.min(2 * pause, kMostPauseMs)) {
      try {
        if (await this.#begin(how)) return this.#isOf(how);
        return false; // nobody is there: the coordinator says who is next
      } catch (error) {
        if (!this.#isOf(how)) return false;
        this.#leave();
        this.#tell(error);
        await wait(pause, undefined, { ref: false });
      }
    }
    return false;
  }

  /** @param {StandByMessage} how */
  #isOf({ turn }) {
    return !this.#hasEnded && this.#turn === turn;
  }

  /**
   * @param {StandByMessage} how
   * @returns {Promise<boolean>} false: nobody listens there
   */
  async #begin(how) {
    const socket = await connectTo(how.address);
    if (!socket) return false;
    if (!this.#isOf(how)) {
      socket.destroy();
      return false;
    }
    await this.#read(await this.#ask(socket, how));
    return true;
  }

  /**
   * @param {import('node:net').Socket} socket
   * @param {StandByMessage} how
   * @returns {Promise<Reading[]>} of those that the owner has open
   */
  #ask(socket, how) {
    return new Promise((resolve, reject) => {
      let isAnswered = false;
      const link = new Link(socket, {
        onFrame: ({ head, parts, lost }) => {
          const told = /** @type {Told} */ (head);
          if (lost)
            socket.destroy(); // what was sent is read, then
          else if (told.error) reject(new GPUError('ERR_INTERNAL', 'the owner lets nobody follow it'));
          else if (this.#link !== link) return;
          else if (!told.value) this.#onTold(told, parts);
          else {
            isAnswered = true;
            resolve(this.#expectAll(told.value)); // at once: what follows may have come already
          }
        },
        onEnd: () => {
          reject(new GPUError('ERR_WORKER_LOST', 'the owner has gone'));
          if (this.#link !== link) return;
          this.#link = undefined;
          if (isAnswered) this.#again(how); // else whoever waits for the answer does
        },
      });
      this.#link = link;
      this.#folder = this.#folderOf(how.folder);
      socket.unref();
      link.send({ id: 1, name: 'follow' });
    });
  }

  /**
   * Cut off: the owner has died, or this process did not keep up, a longer time each time.
   * @param {StandByMessage} how
   */
  async #again(how) {
    await wait(Math.min(kAgainMs * 2 ** this.#cuts++, kMostPauseMs), undefined, { ref: false });
    if (this.#isOf(how) && !this.#link) this.#follow(how);
  }

  /**
   * @param {Told} told
   * @param {Uint8Array[]} parts
   */
  #onTold({ opened, closed, checkpoint, records }, parts) {
    if (closed !== undefined) this.#drop(closed);
    if (checkpoint !== undefined) this.#indexes.get(checkpoint)?.renew();
    if (records && this.#indexes.get(records.index)?.push(records, parts) === false) this.#link?.destroy();
    if (opened) this.#read([this.#expect(opened)]).catch((error) => this.#tell(error));
  }

  /** @param {readonly Followed[]} all */
  #expectAll(all) {
    // What is here beside them the owner, who may have begun just now, has not opened yet.
    return all.map((each) => this.#expect(each));
  }

  /** @param {Followed} followed */
  #expect({ last, ...named }) {
    if (!this.#indexes.get(named.name)?.isOf(named)) this.#drop(named.name);
    const parts = { manager: this.#manager, folder: this.#folder, named, log: this.#log };
    const index = this.#indexes.get(named.name) ?? new FollowedIndex(parts);
    this.#indexes.set(named.name, index);
    return index.expect(last);
  }

  /** @param {readonly Reading[]} readings */
  async #read(readings) {
    if (!readings.length) return;
    const store = await openBeside(this.#folder);
    try {
      for (const read of readings) await read(store);
    } finally {
      await store.close();
    }
  }

  /** @param {Error} error */
  #tell(error) {
    this.#log.warn({ reason: error.message }, 'a process that stands by could not follow the owner of a store');
  }

  /** @param {string} name */
  #drop(name) {
    this.#indexes.get(name)?.end();
    this.#indexes.delete(name);
  }

  #leave() {
    this.#link?.destroy();
    this.#link = undefined;
  }

  /** The owner has ended: nothing more is heard of it. */
  end() {
    this.#hasEnded = true;
    this.#leave();
  }

  /**
   * An index, which is the caller's from then on; after end().
   * @param {Named} named
   * @returns {Promise<IndexCore|undefined>} undefined: it is not here
   */
  async take(named) {
    const followed = this.#indexes.get(named.name);
    this.#indexes.delete(named.name);
    return followed?.take(named);
  }

  /** Lets go of all that nobody has taken. */
  close() {
    this.end();
    for (const name of [...this.#indexes.keys()]) this.#drop(name);
  }
}

module.exports = { StandBy };
