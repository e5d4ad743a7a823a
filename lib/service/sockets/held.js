// The bytes that one WebSocket's messages hold, those that are coming and those whose calls are under way, against the
// budget of all: some are free, and where there is no room for more the connection waits. None is closed for others.
'use strict';
const { nowMs } = require('../../core');

/** @typedef {import('../body').Share} Share */
/** @typedef {{ pause: () => void, resume: () => void }} Pausable */

const kFreeBytes = 64 * 1024; // of a connection: small calls are taken however much others hold
const kChunkBytes = 256; // that a chunk costs beside its own

class Held {
  /** Bytes of what is not complete yet, and of the chunks they lie in. */
  #coming = 0;
  #chunks = 0;
  #began = 0;
  /** Bytes of messages whose calls are under way. */
  #running = 0;
  #taken = 0;
  #isClosed = false;
  #budget;
  #socket;
  /** Whether it waits until others, or its own calls, have given some back. */
  isPaused = false;

  /**
   * @param {Share} budget
   * @param {Pausable} socket
   */
  constructor(budget, socket) {
    this.#budget = budget;
    this.#socket = socket;
  }

  /**
   * A chunk has come.
   * @param {number} bytes
   */
  came(bytes) {
    if (this.#coming === 0) this.#began = nowMs();
    this.#coming += bytes;
    ++this.#chunks;
    this.#settle();
  }

  /**
   * A ping or a pong was among it: exactly its bytes, so that no number of them hides others, or is a sign of progress.
   * @param {number} bytes
   */
  passed(bytes) {
    this.#coming = Math.max(0, this.#coming - bytes);
    if (this.#coming === 0) this.#chunks = 0;
    this.#settle();
  }

  /**
   * A message is complete. What has come behind it is of the next one.
   * @param {number} bytes
   */
  completed(bytes) {
    this.#coming = 0;
    this.#chunks = 0;
    this.#running += bytes;
    this.#settle();
  }

  /**
   * Nothing reads a message any more.
   * @param {number} bytes
   */
  released(bytes) {
    this.#running -= bytes;
    this.#settle();
  }

  /**
   * Whether a message is not complete in time; looks for room again, where there was none.
   * @param {number} now
   * @param {number} time ms
   */
  isLate(now, time) {
    if (this.isPaused) this.#settle();
    return this.#coming > 0 && now - this.#began > time;
  }

  #settle() {
    const wanted = Math.max(0, this.#coming + kChunkBytes * this.#chunks + this.#running - kFreeBytes);
    if (wanted <= this.#taken) {
      this.#budget.give(this.#taken - wanted);
    } else {
      if (this.#isClosed) return;
      try {
        this.#budget.take(wanted - this.#taken);
      } catch {
        this.#pause(true);
        return;
      }
    }
    this.#taken = wanted;
    this.#pause(false);
  }

  /** @param {boolean} isPaused */
  #pause(isPaused) {
    if (this.#isClosed || this.isPaused === isPaused) return;
    this.isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  /** The connection has ended: calls under way are told so, and give back by that. Idempotent. */
  close() {
    this.#isClosed = true;
    this.#coming = 0;
    this.#chunks = 0;
    this.#settle();
  }
}

module.exports = { Held };
