// One WebSocket: messages in, each answered when it is done; notifications out; bounds on what it may hold.
'use strict';
const { Section, decodeFrame, inParts, parseJson } = require('../../exchange');
const { describeError, nowMs } = require('../../core');
const { encoding, Session } = require('../../rpc');
const { Outbox } = require('./outbox');

/** @typedef {import('ws').WebSocket} WebSocket */
/** @typedef {import('../../rpc/call').Caller} Caller */
/** @typedef {import('../../rpc/json-rpc').Reply} Reply */
/**
 * What answers the messages of a subprotocol.
 * @typedef {object} Receiver
 * @property {(message: unknown, session: Session, section: Section) => Promise<Reply>} receive never rejects
 * @property {(error: unknown) => Reply} unreadable the answer to bytes that are no message
 */
/**
 * @typedef {object} Rules
 * @property {number} buffer bytes that may wait to be read
 * @property {number} messageTime ms in which a message must be complete
 * @property {number} answerTime ms in which a piece of an answer must be taken
 * @property {import('../body').Share} budget of bytes that messages may hold
 * @property {import('../../core/log').Logger} logger
 */

const kChunkBytes = 256; // that a chunk costs beside its own
const kControlBytes = 14; // of the head of a frame
const kPolicy = 1008,
  kTooMuch = 1009,
  kLater = 1013;
const kNotifyBytes = 2 ** 20; // that wait, beyond which notifications are left out

class Connection {
  #socket;
  #rules;
  #receiver;
  #outbox;
  #session;
  /** Bytes that have come since the last message, as they count. */
  #pending = 0;
  #began = 0;
  #isAlive = true;
  #isClosed = false;
  #calls = 0;
  #isBinary = false;

  /**
   * @param {WebSocket} socket
   * @param {import('node:stream').Duplex} stream below it
   * @param {Caller} caller
   * @param {Receiver} receiver
   * @param {Rules} rules
   */
  constructor(socket, stream, caller, receiver, rules) {
    this.#socket = socket;
    this.#rules = rules;
    this.#receiver = receiver;
    this.#outbox = new Outbox(socket);
    this.#session = new Session(caller, (method, params) => this.#notify(method, params));
    // Ahead of what makes messages of it.
    stream.prependListener('data', (/** @type {Buffer} */ chunk) => this.#count(chunk.length));
    socket.on('message', (data, isBinary) => this.#take(/** @type {Buffer} */ (data), isBinary));
    socket.on('pong', (data) => {
      this.#isAlive = true;
      this.#uncount(data.length);
    });
    socket.on('ping', (data) => this.#uncount(data.length));
    socket.on('error', () => {}); // it closes then
    socket.once('close', () => this.#end());
  }

  /** Calls that are under way, and answers that have not gone. */
  get isBusy() {
    return this.#calls > 0 || this.#outbox.waiting > 0;
  }

  /** @param {number} bytes */
  #count(bytes) {
    if (this.#isClosed) return;
    if (this.#pending === 0) this.#began = nowMs();
    const counted = bytes + kChunkBytes;
    try {
      this.#rules.budget.take(counted);
      this.#pending += counted;
    } catch (error) {
      this.#refuse(kLater, error);
    }
  }

  /**
   * A ping or a pong is no part of a message.
   * @param {number} bytes
   */
  #uncount(bytes) {
    const counted = Math.min(this.#pending, bytes + kControlBytes + kChunkBytes);
    this.#rules.budget.give(counted);
    this.#pending -= counted;
  }

  /**
   * @param {Buffer} data
   * @param {boolean} isBinary
   */
  async #take(data, isBinary) {
    // From now on it counts as long as its call runs. What has come behind it is of the next one.
    this.#rules.budget.give(this.#pending);
    this.#pending = 0;
    if (this.#isClosed) return;
    const { length } = data;
    try {
      this.#rules.budget.take(length);
    } catch (error) {
      this.#refuse(kLater, error);
      return;
    }
    ++this.#calls;
    this.#isBinary ||= isBinary;
    const reply = await this.#answer(data, isBinary);
    reply.released.then(() => this.#rules.budget.give(length));
    --this.#calls;
    this.#send(reply, isBinary);
  }

  /**
   * @param {Buffer} data
   * @param {boolean} isBinary
   * @returns {Promise<Reply>}
   */
  async #answer(data, isBinary) {
    /** @type {unknown} */
    let message;
    let section = new Section(undefined);
    try {
      if (isBinary) {
        const frame = decodeFrame(alignedMemory(data));
        message = frame.header;
        section = new Section(frame.section);
      } else {
        message = parseJson(data, 'the message');
      }
    } catch (error) {
      return this.#receiver.unreadable(error);
    }
    return this.#receiver.receive(message, this.#session, section);
  }

  /**
   * @param {Reply} reply
   * @param {boolean} binary
   */
  #send({ message, encoding: as, end }, binary) {
    if (message === undefined || this.#isClosed) {
      end();
      return;
    }
    const { framePieces, textPieces } = encoding();
    const pieces = binary ? framePieces(message) : joined(textPieces(message, as));
    this.#push(pieces, binary, end);
  }

  /**
   * @param {Uint8Array[]|Iterable<string>} pieces
   * @param {boolean} binary
   * @param {() => void} done
   */
  #push(pieces, binary, done) {
    const bytes = Array.isArray(pieces) ? pieces.reduce((sum, { length }) => sum + length, 0) : 0;
    if (this.#outbox.waiting > 0 && this.#outbox.waiting + bytes > this.#rules.buffer) {
      done();
      this.#refuse(kPolicy, new Error(`more than ${this.#rules.buffer} bytes wait to be read (RPC_BUFFER)`));
      return;
    }
    const parts = binary ? inParts(/** @type {Uint8Array[]} */ (pieces)) : /** @type {Iterable<string>} */ (pieces);
    this.#outbox.push({ pieces: parts, bytes, binary, done });
  }

  /**
   * @param {string} method
   * @param {object} params
   * @returns {boolean} false: its client does not read, and this is left out
   */
  #notify(method, params) {
    if (this.#isClosed || this.#outbox.waiting > kNotifyBytes) return false;
    const message = { jsonrpc: '2.0', method, params };
    const { framePieces } = encoding();
    const binary = this.#isBinary;
    this.#push(binary ? framePieces(message) : [JSON.stringify(message)], binary, () => {});
    return true;
  }

  /**
   * Looks after it: pings, and closes it where it does not answer, read, or finish what it sends.
   * @param {number} now
   * @param {boolean} pings whether it is time for a ping
   */
  check(now, pings) {
    const { messageTime, answerTime } = this.#rules;
    if (this.#outbox.stuckMs() > answerTime) {
      this.#refuse(kPolicy, new Error(`nothing of an answer was read for ${answerTime} ms (HTTP_ANSWER_TIMEOUT)`));
    } else if (this.#pending > 0 && now - this.#began > messageTime) {
      this.#refuse(kPolicy, new Error(`a message was not complete within ${messageTime} ms (HTTP_REQUEST_TIMEOUT)`));
    } else if (pings) {
      if (!this.#isAlive) this.#socket.terminate();
      this.#isAlive = false;
      this.#socket.ping();
    }
  }

  /**
   * @param {number} code
   * @param {unknown} error why
   */
  #refuse(code, error) {
    if (this.#isClosed) return;
    this.#rules.logger.debug({ ...describeError(error), code }, 'a WebSocket is closed');
    const { message } = /** @type {Error} */ (error);
    this.#socket.close(code, message.slice(0, 120));
    // Who does not read would not read that either.
    this.#socket.terminate();
    this.#end();
  }

  /**
   * The server stops.
   * @param {string} reason
   */
  leave(reason) {
    this.#socket.close(1001, reason);
  }

  /** At once. */
  terminate() {
    this.#socket.terminate();
  }

  #end() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#rules.budget.give(this.#pending);
    this.#pending = 0;
    this.#session.close();
    this.#outbox.close();
  }
}

/**
 * Tensors lie at multiples of 8 of their memory: what does not is copied, and what is a part of much more.
 * @param {Buffer} data
 * @returns {Buffer}
 */
function alignedMemory(data) {
  if (data.byteOffset % 8 === 0 && data.buffer.byteLength === data.length) return data;
  const own = Buffer.allocUnsafeSlow(data.length);
  data.copy(own);
  return own;
}

const kText = 64 * 1024; // characters of a fragment

/**
 * Pieces of text joined to some size; a small message is one.
 * @param {Iterable<string>} pieces
 * @returns {string[]|Iterable<string>}
 */
function joined(pieces) {
  const iterator = pieces[Symbol.iterator]();
  let text = '';
  for (let next = iterator.next(); ; next = iterator.next()) {
    if (next.done) return [text];
    text += next.value;
    if (text.length >= kText) return more(text, iterator);
  }
}

/**
 * @param {string} text
 * @param {Iterator<string>} iterator
 */
function* more(text, iterator) {
  for (let next = iterator.next(); !next.done; next = iterator.next()) {
    if (text.length >= kText) {
      yield text;
      text = '';
    }
    text += next.value;
  }
  yield text;
}

module.exports = { Connection, kTooMuch };
