// The Model Context Protocol on a WebSocket that carries JSON-RPC, too: messages of the protocol go to a server of the
// connection's own, everything else to the methods.
'use strict';
const { isObject } = require('../../exchange');
const { isId } = require('../json-rpc');
const { makeServer } = require('./server');

/** @typedef {import('../session').Session} Session */
/** @typedef {import('../session').Id} Id */
/** @typedef {import('../json-rpc').JsonRpc} JsonRpc */
/** @typedef {import('../json-rpc').Reply} Reply */
/** @typedef {import('@modelcontextprotocol/server').JSONRPCMessage} Message */

/** @param {unknown} message */
function replyWith(message) {
  const sent = /** @type {Reply['message']} */ (message);
  return { message: sent, encodings: [], end: () => {}, released: Promise.resolve() };
}

/**
 * Whether a message is the protocol's: its methods have a slash, as ours never have, or are one of two. One whose id
 * nobody can answer is refused as ours are.
 * @param {unknown} message
 */
function isOfProtocol(message) {
  if (!isObject(message)) return false;
  const { id, method } = message;
  if (id !== undefined && !isId(id)) return false;
  if (typeof method !== 'string') return false;
  return method === 'initialize' || method === 'ping' || (method.includes('/') && !method.startsWith('$/'));
}

/** One connection, as the SDK's transport. */
class Channel {
  /** @type {((message: Message) => void)|undefined} */
  onmessage;
  /** @type {(() => void)|undefined} */
  onclose;
  /** @type {((error: Error) => void)|undefined} */
  onerror;
  /** @type {Map<Id, (reply: Reply) => void>} what waits for its answer */
  #waiting = new Map();
  #session;

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
    session.signal.addEventListener('abort', () => this.close());
  }

  async start() {}

  /** @param {Message} message */
  async send(message) {
    if ('method' in message) {
      this.#session.notify?.(message.method, message.params ?? {});
      return;
    }
    this.#answer(/** @type {Id} */ (message.id), message);
  }

  async close() {
    for (const id of [...this.#waiting.keys()]) this.#answer(id, undefined);
    this.onclose?.();
    this.onclose = undefined;
  }

  /**
   * @param {Id} id
   * @param {Message|undefined} message undefined: there is none
   */
  #answer(id, message) {
    this.#waiting.get(id)?.(replyWith(message));
    this.#waiting.delete(id);
  }

  /**
   * @param {Message} message
   * @returns {Promise<Reply>} settles with its answer, with nothing where there will be none
   */
  take(message) {
    const { id, method, params } = /** @type {{ id?: Id, method: string, params?: { requestId?: Id } }} */ (message);
    if (id === undefined) {
      this.onmessage?.(message);
      if (method === 'notifications/cancelled' && params?.requestId !== undefined)
        this.#answer(params.requestId, undefined); // who cancels has no answer
      return Promise.resolve(replyWith(undefined));
    }
    return new Promise((resolve) => {
      this.#waiting.get(id)?.(replyWith(undefined)); // an id that is used twice has one answer
      this.#waiting.set(id, resolve);
      this.onmessage?.(message);
    });
  }
}

/** What answers the messages of all WebSockets whose subprotocol is `mcp`. */
class McpReceiver {
  /** @type {WeakMap<Session, Channel>} */
  #channels = new WeakMap();
  #rpc;
  #parts;

  /**
   * @param {JsonRpc} rpc
   * @param {Omit<import('./call-tool').Parts, 'caller'>} parts
   */
  constructor(rpc, parts) {
    this.#rpc = rpc;
    this.#parts = parts;
  }

  /**
   * @param {unknown} error
   * @param {Session} session
   * @returns {Promise<Reply>}
   */
  unreadable(error, session) {
    return this.#rpc.unreadable(error, session);
  }

  /**
   * @param {unknown} message
   * @param {Session} session
   * @param {import('../../exchange').Section} section
   * @returns {Promise<Reply>}
   */
  async receive(message, session, section) {
    if (!isOfProtocol(message) || session.closed) return this.#rpc.receive(message, session, section);
    const { parseJSONRPCMessage } = require('@modelcontextprotocol/server');
    /** @type {Message} */
    let parsed;
    try {
      parsed = parseJSONRPCMessage(message);
    } catch {
      return this.#rpc.receive(message, session, section); // which says what is wrong with it
    }
    return this.#channelOf(session).take(parsed);
  }

  /** @param {Session} session */
  #channelOf(session) {
    const known = this.#channels.get(session);
    if (known) return known;
    const channel = new Channel(session);
    this.#channels.set(session, channel);
    const { serveStdio } = require('@modelcontextprotocol/server/stdio');
    const { caller } = session;
    serveStdio(() => makeServer({ ...this.#parts, caller }), {
      transport: channel,
      onerror: ({ message }) => this.#parts.logger.debug({ message }, 'a message of the protocol was refused'),
    });
    return channel;
  }
}

module.exports = { McpReceiver };
