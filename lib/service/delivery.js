// An answer on its way to its client: one that is not read is given up, and what it held goes back at its end.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');

/** @typedef {import('node:http').ServerResponse} ServerResponse */

/** What has to be taken within the time, unless less is left: a client that reads a byte now and then holds as much. */
const kLeastBytes = 2 ** 20;

class Delivery {
  #taken = 0;
  #before = 0;
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  #response;
  #timeout;

  /**
   * @param {ServerResponse} response
   * @param {number} timeout ms, for each piece of a megabyte, and for the rest
   */
  constructor(response, timeout) {
    this.#response = response;
    this.#timeout = timeout;
    this.ended = new Promise((resolve) => {
      response.once('close', () => {
        clearTimeout(this.#timer);
        resolve(undefined);
      });
    });
  }

  /** From now on the client has to read. */
  start() {
    // Node sets the socket's time anew for the next request.
    this.#response.socket?.setTimeout(this.#timeout);
    if (!this.#response.destroyed) this.#arm();
  }

  #arm() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#taken - this.#before < kLeastBytes) {
        this.#response.destroy();
      } else {
        this.#before = this.#taken;
        this.#arm();
      }
    }, this.#timeout);
    this.#timer.unref();
  }

  /**
   * Counts what is taken of pieces.
   * @template {string|Uint8Array} Piece
   * @param {Iterable<Piece>|AsyncIterable<Piece>} pieces
   */
  async *counted(pieces) {
    for await (const piece of pieces) {
      this.#taken += piece.length;
      yield piece;
    }
  }
}

module.exports = { Delivery };
