// Where an owner listens: each of the other processes has one connection, by which its calls come and their answers go.
'use strict';
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
const kMostBehind = 32 << 20; // that a follower has not taken; it reads the files sooner than that
const kEndMs = 1000; // for answers to be taken

class Server {
  #served;
  #log;
  /** @type {import('node:net').Server|undefined} */
  #server;
  /** @type {Set<Connection>} */
  #connections = new Set();
  /** @type {Promise<unknown>|undefined} it listens no more, and all connections have ended */
  #closed;

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
   * @param {number} turn which no other owner in the cluster has
   * @returns {Promise<string>} the address, which ClusterFolder leaves room for
   */
  async listen(folder, turn) {
    const address = path.join(folder, `s${turn}`);
    const server = net.createServer((socket) => {
      if (this.#closed) {
        socket.destroy(); // who has come by the old address asks for the next one
        return;
      }
      const connection = new Connection(socket, this.#served, this.#log, () => this.#connections.delete(connection));
      this.#connections.add(connection);
    });
    this.#server = server;
    await new Promise((resolve, reject) => {
      server.once('error', reject);
      // Its own: a worker's server is its primary's otherwise, which would hand connections to one that has died.
      server.listen({ path: address, exclusive: true }, () => resolve(undefined));
    });
    server.on('error', (error) => this.#log.error({ reason: error.message }, 'a process could not be listened to'));
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

  /** Takes no more calls, nor anybody who makes them. */
  pause() {
    const server = this.#server;
    if (!server || this.#closed) return;
    this.#closed = new Promise((resolve) => {
      server.close(resolve); // which takes the socket's file away, too
    });
    for (const connection of this.#connections) connection.pause();
  }

  /** What was answered still goes, to who reads it. */
  async close() {
    this.pause();
    for (const connection of this.#connections) connection.end();
    const late = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, kEndMs);
    await this.#closed;
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
  #waitsForDrain = false;
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
  #onFrame({ head, parts, lost }, bytes) {
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
    if (lost) {
      this.#link.send({ id, error: plainError(lost) });
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
    const isUnread = this.#link.waiting >= kMostBytes;
    if (isUnread && !this.#waitsForDrain) {
      this.#waitsForDrain = true;
      this.#link.whenDrained(() => {
        this.#waitsForDrain = false;
        this.#flow();
      });
    }
    const isFull = this.#calls >= kMostCalls || this.#bytes >= kMostBytes || isUnread;
    if (isFull === this.#isPaused) return;
    this.#isPaused = isFull;
    if (!isFull) {
      this.#link.resume();
      return;
    }
    this.#link.pause();
  }

  /**
   * What a follower has not asked for one by one.
   * @param {Record<string, unknown>} head
   * @param {readonly ArrayBufferView[]} parts which nobody changes
   * @returns {boolean} false: it has not taken what it was sent before, so it was cut off
   */
  push(head, parts) {
    if (this.#isEnding) return false;
    try {
      if (this.#link.waiting < kMostBehind) {
        this.#link.send(head, parts);
        return true;
      }
    } catch {
      // It is longer than a frame can be: it is to be read, too.
    }
    this.#link.destroy();
    return false;
  }

  /** @param {Record<string, unknown>} news */
  tell(news) {
    if (this.#link.waiting < kMostBytes) this.#link.send({ news });
  }

  pause() {
    this.#isPaused = this.#isEnding = true;
    this.#link.pause();
    this.#link.send({ moves: true }); // it hands over: that is no death
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
