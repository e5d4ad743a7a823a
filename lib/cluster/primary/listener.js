// Where workers connect: an address that only invited processes are told, and a key that they have to show.
'use strict';
const { randomInt } = require('node:crypto');
const { native } = require('../../addon');
const { Channel, ProtocolError, protocol } = require('../wire');

/** @typedef {import('./member').Member} Member */
/** @typedef {import('./member').Role} Role */
/**
 * @typedef {object} ListenerParts
 * @property {import('../../core/log').Logger} log
 * @property {(pid: number, slot: number) => Member|undefined} find an invited process
 * @property {(member: Member, role: Role) => import('../wire/channel').ChannelHandlers} handlers
 * @property {(member: Member, role: Role, channel: Channel) => void} onJoined
 */

const { kTypeAt, hello } = protocol;
const kKeyParts = hello.slot - hello.key;
const kAskRole = 0; // the other is 1: the executor's

class Listener {
  /** @type {InstanceType<typeof native.ListenerHandle>|undefined} */
  #listener;
  #key = Array.from({ length: kKeyParts }, () => randomInt(2 ** 48 - 1));

  /** @param {ListenerParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /** @returns {{ address: string, key: number[] }} what an invited process needs */
  open() {
    this.#listener ??= new native.ListenerHandle((fd, pid) => this.#accept(fd, pid));
    return { address: this.#listener.name, key: this.#key };
  }

  /**
   * A connection counts only once it has shown the key.
   * @param {number} fd
   * @param {number} pid
   */
  #accept(fd, pid) {
    /** @type {import('../wire/channel').ChannelHandlers|undefined} once it has shown the key */
    let handlers;
    const turnAway = (/** @type {Error} */ error) => {
      this.parts.log.warn({ pid, reason: error.message }, 'a connection was turned away');
      channel.close();
    };
    const channel = new Channel(fd, {
      onMessage: (numbers, at, length) => {
        if (handlers) return handlers.onMessage(numbers, at, length);
        this.#checkHello(numbers, at, length);
        const role = numbers[at + hello.role] === kAskRole ? 'ask' : 'run';
        const member = this.parts.find(pid, numbers[at + hello.slot]);
        if (!member || member[role])
          throw new ProtocolError('nobody of this process was invited, or it is there already');
        handlers = this.parts.handlers(member, role);
        this.parts.onJoined(member, role, channel);
        return undefined;
      },
      onEnd: () => handlers?.onEnd(),
      onWrong: (error) => (handlers ? handlers.onWrong(error) : turnAway(error)),
      onError: (error) => (handlers ? handlers.onError(error) : turnAway(error)),
    });
  }

  /**
   * @param {Float64Array} numbers
   * @param {number} at
   * @param {number} length
   * @throws {ProtocolError}
   */
  #checkHello(numbers, at, length) {
    if (length <= hello.role || numbers[at + kTypeAt] !== protocol.kHello)
      throw new ProtocolError('the first message must be a hello');
    if (!this.#key.every((part, i) => numbers[at + hello.key + i] === part))
      throw new ProtocolError('it has another key');
    if (length !== hello.numbers || numbers[at + hello.protocol] !== protocol.kProtocol)
      throw new ProtocolError(`the hello must be of version ${protocol.kProtocol} of the protocol`);
  }

  close() {
    this.#listener?.close();
  }
}

module.exports = { Listener };
