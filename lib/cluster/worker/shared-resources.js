// What a cluster has once, as this process knows it: what it has open, and what it owns by the coordinator's word.
'use strict';
const { GPUError, plainError } = require('../../core');

/** @typedef {import('../wire/resource-messages').ToHolder} ToHolder */
/** @typedef {import('../wire/resource-messages').OwnMessage} OwnMessage */
/** @typedef {import('../wire/resource-messages').StandByMessage} StandByMessage */
/** @typedef {import('../wire/resource-messages').OwnerAnswer} OwnerAnswer */
/**
 * What this process does to own one.
 * @typedef {object} Ownable
 * @property {boolean} mayOwn whether it may be chosen while there is another one
 * @property {(how: OwnMessage) => Promise<string>} own resolves to where it listens
 * @property {(how: StandByMessage) => Promise<boolean>} standBy follows the owner; resolves once it could go on in its
 *   place, false: another one came before that
 * @property {() => Promise<void>} disown
 * @property {(turn: number) => void} gone the owner of that turn has died, or handed over
 * @property {() => void} end the manager is closed
 */
/**
 * @typedef {Omit<import('../wire/resource-messages').ClaimMessage, 'id'>
 *   | Omit<import('../wire/resource-messages').ReleasedMessage, 'id'>} HolderQuestion
 */
/** @typedef {{ turn: number, ready: Promise<unknown>, what: Ownable }} Owned */

class SharedResources {
  /** @type {Map<string, Ownable>} those that are open here */
  #held = new Map();
  /** @type {Map<string, Owned>} */
  #owned = new Map();
  /** @type {Ownable[]} those that were open here when the manager was closed */
  #left = [];
  #connection;
  #isClosed = false;

  /** @param {import('./coordinator-connection').CoordinatorConnection} connection */
  constructor(connection) {
    this.#connection = connection;
  }

  /**
   * @param {string} key
   * @param {Ownable} what
   */
  hold(key, what) {
    this.#held.set(key, what);
  }

  /**
   * Nobody in this process has it open any more: who owns it goes on for the others, or closes it.
   * @param {string} key
   * @returns {Promise<void>} once it is closed, or others have it open
   */
  async release(key) {
    if (this.#held.delete(key)) await this.#connection.request({ type: 'released', key });
  }

  /**
   * Who owns it; resolves once that one is ready.
   * @param {string} key of one that is held
   * @returns {Promise<OwnerAnswer>}
   */
  async claim(key) {
    if (!this.#isClosed) await this.#connection.connected();
    const mayOwn = this.#held.get(key)?.mayOwn;
    if (mayOwn === undefined || this.#isClosed) throw new GPUError('ERR_CLOSED', 'the manager is closed');
    return this.#connection.request({ type: 'claim', key, mayOwn });
  }

  /** @param {ToHolder} message */
  onMessage(message) {
    if (message.type === 'own') this.#own(message);
    else if (message.type === 'stand-by') this.#standBy(message);
    else if (message.type === 'disown') this.#disown(message.key, message.turn);
    else this.#held.get(message.key)?.gone(message.turn);
  }

  /** @param {OwnMessage} message */
  async #own(message) {
    const { key, turn } = message;
    const what = this.#held.get(key);
    try {
      if (!what || this.#isClosed) throw new GPUError('ERR_CLOSED', 'the process that was to own it has let go of it');
      const ready = what.own(message);
      this.#owned.set(key, { turn, ready, what });
      this.#connection.say({ type: 'owned', key, turn, address: await ready });
    } catch (error) {
      this.#owned.delete(key);
      const isGone = !what || this.#isClosed; // another one may
      this.#connection.say({ type: 'disowned', key, turn, ...(!isGone && { error: plainError(error) }) });
    }
  }

  /** @param {StandByMessage} message */
  async #standBy(message) {
    const { key, turn } = message;
    const what = this.#isClosed ? undefined : this.#held.get(key);
    const isReady = await what?.standBy(message).catch(() => false); // the next owner reads what there is, then
    if (isReady && this.#held.get(key) === what) this.#connection.say({ type: 'standing-by', key, turn });
  }

  /**
   * @param {string} key
   * @param {number} turn
   */
  async #disown(key, turn) {
    const owned = this.#owned.get(key);
    if (owned?.turn !== turn) return;
    this.#owned.delete(key);
    await owned.ready.catch(() => {});
    await owned.what.disown().catch(() => {}); // what was acknowledged is there all the same
    this.#connection.say({ type: 'disowned', key, turn });
  }

  /** This process leaves the cluster: what it owns is another's. */
  async close() {
    this.#isClosed = true;
    this.#left.push(...this.#held.values());
    for (const key of [...this.#held.keys()]) this.release(key).catch(() => {}); // the coordinator may have gone
    await Promise.all([...this.#owned].map(([key, { turn }]) => this.#disown(key, turn)));
  }

  /** What was given is finished, or nobody waits for it: the ways to other owners are closed, too. */
  end() {
    for (const what of this.#left.splice(0)) what.end();
  }
}

module.exports = { SharedResources };
