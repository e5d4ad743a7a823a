// A connection between two processes of a cluster: whole messages out of what arrives, and one send for all messages of
// a tick.
'use strict';
const { native } = require('../../addon');
const { soon } = require('../../core');
const { ProtocolError } = require('./shapes');

/** @typedef {(numbers: Float64Array, at: number, length: number) => void} OnMessage */

/**
 * @typedef {object} ChannelHandlers
 * @property {OnMessage} onMessage may throw a ProtocolError
 * @property {() => void} onEnd the other side has closed it, or its process has ended
 * @property {(error: ProtocolError) => void} onWrong a message was not understood: no other is given, and the
 *   connection is to be closed as soon as what has to be said on it was said
 * @property {(error: Error) => void} onError a message was understood, but handling it has failed: the others go on
 */

/** @type {Set<Channel>} those with something to send at the end of this tick */
const dirty = new Set();

function flushAll() {
  for (const channel of dirty) channel.flush();
}

class Channel {
  #handle;
  #closed = false;
  #isDeaf = false; // what came was not understood: nothing more is read
  #refs = 0;

  /**
   * @param {number} fd taken over
   * @param {ChannelHandlers} handlers
   */
  constructor(fd, { onMessage, onEnd, onWrong, onError }) {
    this.#handle = new native.ChannelHandle(fd, (numbers, count) => {
      try {
        if (count < 0) {
          this.close();
          onEnd();
          return;
        }
        for (let at = 0; at < count && !this.#closed && !this.#isDeaf; at += numbers[at]) {
          const before = numbers[at];
          try {
            onMessage(numbers, at, before);
          } catch (error) {
            if (error instanceof ProtocolError) {
              this.#isDeaf = true;
              onWrong(error);
            } else {
              onError(error);
            }
          }
          numbers[at] = before;
        }
      } catch (error) {
        onError(error);
      }
    });
  }

  /** The addon's object, for calls that post by themselves; sent() says so. */
  get handle() {
    return this.#handle;
  }

  get closed() {
    return this.#closed;
  }

  /**
   * @param {Float64Array} numbers
   * @param {number} [length]
   * @param {number} [region] whose descriptor goes along
   * @returns {boolean} false: it is closed, or there is no such region
   */
  post(numbers, length = numbers.length, region = 0) {
    if (this.#closed) return false;
    this.sent();
    return this.#handle.post(numbers, length, region);
  }

  /** Something was posted: it goes with everything else of this tick. */
  sent() {
    if (!dirty.size) soon(flushAll);
    dirty.add(this);
  }

  flush() {
    dirty.delete(this);
    if (!this.#closed) this.#handle.flush();
  }

  /** Something is waited for: the process lives on until as many unref(). */
  ref() {
    if (this.#refs++ === 0 && !this.#closed) this.#handle.ref();
  }

  unref() {
    if (--this.#refs === 0 && !this.#closed) this.#handle.unref();
  }

  unsent() {
    return this.#closed ? 0 : this.#handle.unsent();
  }

  close() {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#handle.close();
  }
}

module.exports = { Channel };
