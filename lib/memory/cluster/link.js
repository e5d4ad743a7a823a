// One end of a socket that frames go over: those of one turn of the event loop go together, and who reads slowly is
// not sent more than it takes.
'use strict';
const { soon } = require('../../core');
const { encodeFrame, FrameReader } = require('./frames');

/** @typedef {import('./frames').Frame} Frame */
/**
 * @typedef {object} LinkParts
 * @property {(frame: Frame, bytes: number) => void} onFrame
 * @property {(error: Error|undefined) => void} onEnd once; with an error, what came was no frame
 */

class Link {
  #socket;
  #parts;
  #hasEnded = false;
  #isCorked = false;
  /** @type {Error|undefined} */
  #wrong;

  /**
   * @param {import('node:net').Socket} socket
   * @param {LinkParts} parts
   */
  constructor(socket, parts) {
    this.#socket = socket;
    this.#parts = parts;
    const reader = new FrameReader(parts.onFrame);
    socket.on('data', (/** @type {Buffer} */ chunk) => {
      try {
        reader.push(chunk);
      } catch (error) {
        this.#wrong = error;
        socket.destroy();
      }
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#end());
  }

  get isOpen() {
    return !this.#hasEnded && !this.#socket.destroyed;
  }

  /** Bytes that the other end has not taken yet. */
  get waiting() {
    return this.#socket.writableLength;
  }

  /**
   * @param {Record<string, unknown>} head
   * @param {readonly ArrayBufferView[]} [parts] which must not change until they are sent
   * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT: it is too long
   */
  send(head, parts = []) {
    const pieces = encodeFrame(head, parts);
    if (!this.isOpen) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      soon(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    for (const piece of pieces) this.#socket.write(piece);
  }

  /** @param {() => void} then once the other end has taken what waits */
  whenDrained(then) {
    this.#socket.once('drain', then);
  }

  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  ref() {
    this.#socket.ref();
  }

  unref() {
    this.#socket.unref();
  }

  /** What was sent still goes. */
  end() {
    this.#socket.end(() => this.#socket.destroy()); // which may be paused, and not see the other one's end
  }

  destroy() {
    this.#socket.destroy();
  }

  #end() {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#parts.onEnd(this.#wrong);
  }
}

module.exports = { Link };
