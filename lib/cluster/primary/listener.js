// Where workers connect: an address that only invited processes are told, and a key that they have to show.
'use strict';
const { randomInt } = require('node:crypto');
const { native } = require('../../addon');
const { Channel, messages: protocol } = require('../wire');

/** @typedef {import('./member').Member} Member */
/**
 * @typedef {object} DoorParts
 * @property {(pid: number, slot: number) => Member|undefined} find an invited process
 * @property {(member: Member, role: 'ask'|'run') => { onMessage: import('../wire/channel').OnMessage, onEnd: () => void
 *   }} handlers
 * @property {(member: Member, role: 'ask'|'run', channel: Channel) => void} onJoined
 * @property {(error: any) => void} onError
 */

const kKeyParts = 4,
  kHelloLength = 2 + kKeyParts + 2;
const kKeyAt = 2,
  kSlotAt = kKeyAt + kKeyParts,
  kRoleAt = kSlotAt + 1;
const kAskRole = 0; // the other is 1: the executor's

class Listener {
  /** @type {InstanceType<typeof native.ListenerHandle>|undefined} */
  #listener;
  #key = Array.from({ length: kKeyParts }, () => randomInt(2 ** 48 - 1));

  /** @param {DoorParts} parts */
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
    /** @type {import('../wire/channel').OnMessage|undefined} */
    let onMessage;
    /** @type {(() => void)|undefined} */
    let onEnd;
    const channel = new Channel(fd, {
      onMessage: (numbers, at, length) => {
        if (onMessage) return onMessage(numbers, at, length);
        const role = numbers[at + kRoleAt] === kAskRole ? 'ask' : 'run';
        const member = this.#isKnown(numbers, at, length) ? this.parts.find(pid, numbers[at + kSlotAt]) : undefined;
        if (!member || member[role]) {
          channel.close();
          return undefined;
        }
        ({ onMessage, onEnd } = this.parts.handlers(member, role));
        this.parts.onJoined(member, role, channel);
        return undefined;
      },
      onEnd: () => onEnd?.(),
      onError: this.parts.onError,
    });
  }

  /**
   * @param {Float64Array} numbers
   * @param {number} at
   * @param {number} length
   */
  #isKnown(numbers, at, length) {
    return (
      length === kHelloLength &&
      numbers[at + 1] === protocol.kHello &&
      this.#key.every((part, i) => numbers[at + kKeyAt + i] === part)
    );
  }

  close() {
    this.#listener?.close();
  }
}

module.exports = { Listener };
