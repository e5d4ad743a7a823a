// One WebSocket: messages in, each answered when it is done; notifications out; bounds on what it may hold.
'use strict';
const { setTimeout } = require('node:timers');
const { Section, decodeFrame, inParts, parseJson } = require('../../exchange');
const { describeError } = require('../../core');
const { encoding, Session } = require('../../rpc');
const { Held } = require('./held');
const { Outbox } = require('./outbox');

/** @typedef {import('ws').WebSocket} WebSocket */
/** @typedef {import('../../rpc/call').Caller} Caller */
/** @typedef {import('../../rpc/json-rpc').Reply} Reply */
/**
 * What answers the messages of a subprotocol.
 * @typedef {object} Receiver
 * @property {(message: unknown, session: Session, section: Section) => Promise<Reply>} receive never rejects
 * @property {(error: unknown, session: Session) => Promise<Reply>} unreadable the answer to bytes that are no message
 */
/**
 * @typedef {object} Rules
 * @property {number} buffer bytes that may wait to be read
 * @property {number} messageTime ms in which a message must be complete
 * @property {number} answerTime ms in which a piece of an answer must be taken
 * @property {import('../body').Share} budget of bytes that messages may hold
 * @property {import('../../core/log').Logger} logger
 */

const kMaskedHead = 6; // bytes of the head of a ping or a pong
const kPolicy = 1008,
  kTooMuch = 1009,
  kInternal = 1011;
const kReasonMs = 1000; // in which a client reads why it is closed
const kNotifyBytes = 2 ** 20; // that wait, beyond which notifications are left out

class Connection {
  #socket;
  #stream;
  #rules;
  #receiver;
  #outbox;
  #session;
  #held;
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
    this.#stream = stream;
    this.#rules = rules;
    this.#receiver = receiver;
    this.#outbox = new Outbox(socket, (error) => this.#fail(error));
    this.#held = new Held(rules.budget, socket);
    this.#session = new Session(caller, (method, params) => this.#notify(method, params));
    // Ahead of what makes messages of it.
    stream.prependListener('data', (/** @type {Buffer} */ chunk) => {
      if (this.#isClosed) return;
      this.#isAlive = true; // a client can answer no ping within a frame of its own
      this.#held.came(chunk.length);
    });
    socket.on('message', (data, isBinary) => {
      this.#take(/** @type {Buffer} */ (data), isBinary).catch((error) => this.#fail(error));
    });
    // A ping or a pong is no part of a message.
    for (const control of ['ping', 'pong'])
      socket.on(control, (/** @type {Buffer} */ data) => this.#held.passed(data.length + kMaskedHead));
    socket.on('error', () => {}); // it closes then
    socket.once('close', () => this.#end());
  }

  /** Calls that are under way, and answers that have not gone. */
  get isBusy() {
    return this.#calls > 0 || this.#outbox.isBusy;
  }

  /**
   * @param {Buffer} data
   * @param {boolean} isBinary
   */
  async #take(data, isBinary) {
    const { length } = data;
    if (this.#isClosed) return;
    this.#held.completed(length);
    ++this.#calls;
    this.#isBinary ||= isBinary;
    try {
      const reply = await this.#answer(data, isBinary);
      reply.released.then(() => this.#held.released(length));
      this.#send(reply, isBinary);
    } finally {
      --this.#calls;
    }
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
      return this.#receiver.unreadable(error, this.#session);
    }
    return this.#receiver.receive(message, this.#session, section);
  }

  /**
   * @param {Reply} reply
   * @param {boolean} binary
   */
  #send({ message, encodings, end }, binary) {
    if (message === undefined || this.#isClosed) {
      end();
      return;
    }
    const { answerPieces, framePieces, weightOf } = encoding();
    try {
      // What no frame has room for is text.
      const frame = binary ? framePieces(message) : undefined;
      this.#push(frame ?? joined(answerPieces(message, encodings)), frame !== undefined, weightOf(message), end);
    } catch (error) {
      end();
      throw error;
    }
  }

  /**
   * @param {Uint8Array[]|Iterable<string>} pieces
   * @param {boolean} binary
   * @param {number} bytes about
   * @param {() => void} done
   */
  #push(pieces, binary, bytes, done) {
    if (this.#outbox.waiting > 0 && this.#outbox.waiting + bytes > this.#rules.buffer) {
      done();
      this.#refuse(kPolicy, new Error(`more than ${this.#rules.buffer} bytes wait to be read (RPC_BUFFER)`), true);
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
    const { framePieces, weightOf } = encoding();
    const frame = this.#isBinary ? framePieces(message) : undefined;
    this.#push(frame ?? [JSON.stringify(message)], frame !== undefined, weightOf(message), () => {});
    return true;
  }

  /**
   * Looks after it: pings, and closes it where it does not answer, read, or finish what it sends.
   * @param {number} now
   * @param {boolean} pings whether it is time for a ping
   */
  check(now, pings) {
    const { messageTime, answerTime } = this.#rules;
    if (this.#held.isPaused) this.#isAlive = true; // its pongs are not read
    if (this.#session.caller.isValid?.() === false) {
      this.#refuse(kPolicy, new Error('the token is not valid any more'));
    } else if (this.#outbox.stuckMs() > answerTime) {
      const why = `too little of an answer was read for ${answerTime} ms (HTTP_ANSWER_TIMEOUT)`;
      this.#refuse(kPolicy, new Error(why), true);
    } else if (this.#held.isLate(now, messageTime)) {
      this.#refuse(kPolicy, new Error(`a message was not complete within ${messageTime} ms (HTTP_REQUEST_TIMEOUT)`));
    } else if (pings) {
      if (!this.#isAlive) this.#socket.terminate();
      this.#isAlive = false;
      this.#socket.ping();
    }
  }

  /**
   * What is our own fault ends this connection, and nothing else.
   * @param {unknown} error
   */
  #fail(error) {
    this.#rules.logger.error(describeError(error), 'a message of a WebSocket failed');
    this.#refuse(kInternal, new Error('this message could not be answered'));
  }

  /**
   * @param {number} code
   * @param {unknown} error why
   * @param {boolean} [isDeaf] whether its client does not read
   */
  #refuse(code, error, isDeaf = false) {
    if (this.#isClosed) return;
    this.#rules.logger.debug({ ...describeError(error), code }, 'a WebSocket is closed');
    const { message } = /** @type {Error} */ (error);
    this.#socket.close(code, message.slice(0, 120));
    this.#end();
    // Who does not read would not read that either.
    if (isDeaf) this.#socket.terminate();
    else this.#linger();
  }

  /** Throws away what still comes, so that the reason is read: bytes that nobody takes would end it first. */
  #linger() {
    const stream = this.#stream;
    stream.removeAllListeners('data');
    stream.on('data', () => {}).resume();
    stream.end();
    setTimeout(() => this.#socket.terminate(), kReasonMs).unref();
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
    this.#held.close();
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
