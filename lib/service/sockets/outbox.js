// What a WebSocket's client has still to read: messages one behind the other, each in pieces, no more of them made than
// the client takes. One that does not read is closed.
'use strict';
const { nowMs } = require('../../core');

/** @typedef {import('ws').WebSocket} WebSocket */
/**
 * @typedef {object} Outgoing
 * @property {Iterable<string|Uint8Array>} pieces at least one
 * @property {number} bytes about
 * @property {boolean} binary
 * @property {() => void} done it has gone, or never will
 */

const kLeastBytes = 2 ** 20; // to be taken within a time, unless less is left, as of answers over HTTP
// Bytes with the socket, beyond which no more pieces are made. Those of tensors are views of memory that is held
// anyway: what a usual answer has goes at once, without a turn of the event loop for each piece.
const kHighWater = 256 * 1024,
  kHighWaterOfViews = 2 ** 20;

class Outbox {
  /** @type {Outgoing[]} */
  #queue = [];
  /** @type {Outgoing|undefined} */
  #current;
  #waiting = 0;
  #inFlight = 0;
  #isClosed = false;
  /** Since when less than kLeastBytes were taken, and how many. */
  #moved = nowMs();
  #taken = 0;
  #socket;
  #onError;

  /**
   * @param {WebSocket} socket
   * @param {(error: unknown) => void} onError a message could not be made: what was begun has no end
   */
  constructor(socket, onError) {
    this.#socket = socket;
    this.#onError = onError;
  }

  /** Bytes that were given to it and have not gone. */
  get waiting() {
    return this.#waiting;
  }

  /** Whether there is something that has not gone. */
  get isBusy() {
    return this.#current !== undefined || this.#inFlight > 0;
  }

  /**
   * How long the client has taken next to nothing, though there is something for it.
   * @returns {number} ms; 0: there is nothing
   */
  stuckMs() {
    return this.#inFlight > 0 ? nowMs() - this.#moved : 0;
  }

  /** @param {Outgoing} message */
  push(message) {
    if (this.#isClosed) {
      message.done();
      return;
    }
    this.#waiting += message.bytes;
    this.#queue.push(message);
    if (!this.#current) this.#run();
  }

  async #run() {
    while ((this.#current = this.#queue.shift())) {
      const { pieces, binary } = this.#current;
      try {
        /** @type {string|Uint8Array|undefined} */
        let held;
        for (const piece of pieces) {
          if (held !== undefined) await this.#send(held, binary, false);
          held = piece;
        }
        await this.#send(held ?? '', binary, true, this.#current);
      } catch (error) {
        this.#settle(this.#current);
        if (!this.#isClosed) this.#onError(error);
      }
    }
  }

  /**
   * @param {string|Uint8Array} piece
   * @param {boolean} binary
   * @param {boolean} fin
   * @param {Outgoing} [last] what is done with this piece
   * @returns {Promise<void>|undefined} undefined: there is room for more at once
   */
  #send(piece, binary, fin, last) {
    if (this.#isClosed) throw new Error('the connection has ended');
    if (this.#inFlight === 0) this.#move();
    ++this.#inFlight;
    const most = binary ? kHighWaterOfViews : kHighWater;
    const isFull = this.#socket.bufferedAmount + piece.length > most;
    /** @type {() => void} */
    let go = () => {};
    const gone = isFull ? new Promise((resolve) => (go = () => resolve(undefined))) : undefined;
    this.#socket.send(piece, { binary, fin, compress: false }, () => {
      --this.#inFlight;
      this.#taken += piece.length;
      if (this.#taken >= kLeastBytes) this.#move();
      if (last) this.#settle(last);
      go();
    });
    return /** @type {Promise<void>|undefined} */ (gone);
  }

  #move() {
    this.#moved = nowMs();
    this.#taken = 0;
  }

  /** @param {Outgoing} message */
  #settle(message) {
    this.#waiting -= message.bytes;
    message.done();
  }

  /** The connection has ended: nothing more goes. Idempotent. */
  close() {
    this.#isClosed = true;
    for (const message of this.#queue.splice(0)) this.#settle(message);
  }
}

module.exports = { Outbox };
