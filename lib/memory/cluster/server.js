// Where an owner listens: each of the other processes has one connection, by which its calls come and their answers go.
'use strict';
const { createHash } = require('node:crypto');
const net = require('node:net');
const path = require('node:path');
const { setTimeout, clearTimeout } = require('node:timers');
const { plainError, GPUError } = require('../../core');
const { Link } = require('./link');

/** @typedef {import('./frames').Frame} Frame */
/** @typedef {{ value: unknown, parts?: ArrayBufferView[] }} Answer */
/**
 * Who does what is called. `who`: the connection, an object of its own.
 * @typedef {object} Served
 * @property {(call: import('./host').Call, parts: Uint8Array[], who: object) => Promise<Answer>} call
 * @property {(id: number, who: object) => void} cancel
 * @property {(who: object) => void} leave
 */

// Of one connection: beyond that no more is read until some of it has ended.
const kMostCalls = 1024;
const kMostBytes = 256 << 20;
const kEndMs = 1000; // for answers to be taken

class Server {
  #served;
  #log;
  /** @type {import('node:net').Server|undefined} */
  #server;
  /** @type {Set<Connection>} */
  #connections = new Set();

  /**
   * @param {Served} served
   * @param {import('../../core/log').Logger} log
   */
  constructor(served, log) {
    this.#served = served;
    this.#log = log;
  }

  /**
   * @param {string} folder that nobody else may look into
   * @param {string} key
   * @param {number} turn
   * @returns {Promise<string>} the address
   */
  async listen(folder, key, turn) {
    const name = createHash('sha256').update(key).digest('hex').slice(0, 12);
    const address = path.join(folder, `${name}-${turn}`);
    const server = net.createServer((socket) => {
      const connection = new Connection(socket, this.#served, this.#log, () => this.#connections.delete(connection));
      this.#connections.add(connection);
    });
    this.#server = server;
    await new Promise((resolve, reject) => {
      server.once('error', reject);
      // Its own: a worker's server is its primary's otherwise, which would hand connections to one that has died.
      server.listen({ path: address, exclusive: true }, () => resolve(undefined));
    });
    server.unref();
    return address;
  }

  /**
   * Tells all, without an answer to a call.
   * @param {Record<string, unknown>} news
   */
  tell(news) {
    for (const connection of this.#connections) connection.tell(news);
  }

  /** Takes no more calls. */
  pause() {
    for (const connection of this.#connections) connection.pause();
  }

  /** What was answered still goes, to who reads it. */
  async close() {
    const server = this.#server;
    if (!server) return;
    const closed = new Promise((resolve) => {
      server.close(resolve); // which takes the socket's file away, too
    });
    for (const connection of this.#connections) connection.end();
    const late = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, kEndMs);
    await closed;
    clearTimeout(late);
  }
}

class Connection {
  #served;
  #log;
  #link;
  #calls = 0;
  #bytes = 0;
  #isPaused = false;
  #isEnding = false;

  /**
   * @param {import('node:net').Socket} socket
   * @param {Served} served
   * @param {import('../../core/log').Logger} log
   * @param {() => void} onEnd
   */
  constructor(socket, served, log, onEnd) {
    this.#served = served;
    this.#log = log;
    socket.unref();
    this.#link = new Link(socket, {
      onFrame: (frame, bytes) => this.#onFrame(frame, bytes),
      onEnd: (error) => {
        if (error) this.#log.error({ reason: error.message }, 'a process sent a frame that is none: it is cut off');
        served.leave(this);
        onEnd();
      },
    });
  }

  /**
   * @param {Frame} frame
   * @param {number} bytes
   */
  #onFrame({ head, parts }, bytes) {
    const { id, cancel, ...call } = head;
    if (Number.isSafeInteger(cancel)) {
      this.#served.cancel(Number(cancel), this);
      return;
    }
    if (!Number.isSafeInteger(id)) {
      this.#log.error({ reason: 'a call without a number' }, 'a process sent a frame that is none: it is cut off');
      this.#link.destroy();
      return;
    }
    this.#calls += 1;
    this.#bytes += bytes;
    this.#run(Number(id), call, parts, bytes);
    this.#flow();
  }

  /**
   * @param {number} id
   * @param {Record<string, unknown>} call
   * @param {Uint8Array[]} parts
   * @param {number} bytes
   */
  async #run(id, call, parts, bytes) {
    /** @type {Answer} */
    let answer;
    try {
      const whole = /** @type {import('./host').Call} */ (/** @type {unknown} */ ({ ...call, id }));
      answer = await this.#served.call(whole, parts, this);
      this.#link.send({ id, value: answer.value }, answer.parts);
    } catch (error) {
      // What this process does no more, since it goes, the next owner is asked for.
      if (this.#isEnding && error.code === 'ERR_CLOSED') return;
      this.#link.send({ id, error: plainError(error) });
    }
    this.#calls -= 1;
    this.#bytes -= bytes;
    this.#flow();
  }

  /** Reads on, or waits: for calls to end, or for answers to be taken. */
  #flow() {
    if (this.#isEnding) return;
    const isFull = this.#calls >= kMostCalls || this.#bytes >= kMostBytes || this.#link.waiting >= kMostBytes;
    if (isFull === this.#isPaused) return;
    this.#isPaused = isFull;
    if (!isFull) {
      this.#link.resume();
      return;
    }
    this.#link.pause();
    if (this.#link.waiting >= kMostBytes) this.#link.whenDrained(() => this.#flow());
  }

  /** @param {Record<string, unknown>} news */
  tell(news) {
    if (this.#link.waiting < kMostBytes) this.#link.send({ news });
  }

  pause() {
    this.#isPaused = this.#isEnding = true;
    this.#link.pause();
  }

  end() {
    this.#link.end();
  }

  destroy() {
    this.#link.destroy();
  }
}

/**
 * Where a call's shape is wrong, which a process of the same version does not send.
 * @param {string} what
 */
const unknownCall = (what) => new GPUError('ERR_INTERNAL', `another process calls ${what}, which is not known here`);

module.exports = { Server, unknownCall };
