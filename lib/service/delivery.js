// An answer on its way to its client: one that is not read is given up, and what it held goes back at its end.
'use strict';
const { Readable } = require('node:stream');
const { setTimeout, clearTimeout } = require('node:timers');
const { whenGone } = require('./gone');

/** @typedef {import('fastify').FastifyReply} Reply */

/** What has to be taken within the time, unless less is left: a client that reads a byte now and then holds as much. */
const kLeastBytes = 2 ** 20;

class Delivery {
  #taken = 0;
  #before = 0;
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  /** Whether nobody waits for it any more. */
  isOver = false;
  /** @type {Promise<unknown>[]} */
  #reading = [];
  /** @type {Readable|undefined} */
  #source;
  #response;
  #timeout;

  /**
   * @param {Reply} reply
   * @param {number} timeout ms, for each piece of a megabyte, and for the rest
   */
  constructor(reply, timeout) {
    this.#response = reply.raw;
    this.#timeout = timeout;
    /** It has been sent or given up, and nothing reads the outputs any more. @type {Promise<void>} */
    this.ended = new Promise((resolve) => {
      whenGone(reply, () => resolve(this.#end()));
    });
  }

  async #end() {
    this.isOver = true;
    clearTimeout(this.#timer);
    // A response that has never come to its turn tells its source nothing.
    this.#source?.destroy();
    await Promise.allSettled(this.#reading);
  }

  /**
   * @template Read
   * @param {Promise<Read>} reading of the outputs
   */
  reads(reading) {
    this.#reading.push(reading);
    return reading;
  }

  /** From now on the client has to read; one that waits behind another of its connection, once it comes to it. */
  start() {
    const response = this.#response;
    const begin = () => {
      if (this.isOver) return;
      const { socket } = response;
      socket?.setTimeout?.(this.#timeout);
      // Whatever comes behind it on this connection has a time of its own; ahead of Node, which may set that.
      response.prependOnceListener('finish', () => socket?.setTimeout?.(0));
      this.#arm();
    };
    if (response.socket) begin();
    else response.once('socket', begin);
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
   * Pieces of an answer as a stream, of which what is taken counts.
   * @param {Iterable<string|Uint8Array>|AsyncIterable<string|Uint8Array>} pieces
   */
  streamOf(pieces) {
    const source = Readable.from(this.#counted(pieces), { objectMode: false });
    this.#source = source;
    this.reads(new Promise((resolve) => source.once('close', resolve)));
    if (this.isOver) source.destroy();
    return source;
  }

  /** @param {Iterable<string|Uint8Array>|AsyncIterable<string|Uint8Array>} pieces */
  async *#counted(pieces) {
    for await (const piece of pieces) {
      this.#taken += piece.length;
      yield piece;
    }
  }
}

module.exports = { Delivery };
