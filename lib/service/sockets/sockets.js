// All WebSockets of a worker: who may open one, how many, and what becomes of them.
'use strict';
const http = require('node:http');
const { setInterval, clearInterval, setTimeout } = require('node:timers');
const { WebSocketServer } = require('ws');
const { HttpError } = require('../../exchange');
const { describeError, nowMs } = require('../../core');
const { isBearer } = require('../access');
const { Connection } = require('./connection');
const { leaveCount } = require('../limits');
const { isForSocket, withoutUpgrade } = require('./upgrade');

/** @typedef {import('../../rpc/call').Caller} Caller */
/** @typedef {import('../../config/config').HttpConfig} Config */
/** @typedef {import('./connection').Receiver} Receiver */
/** @typedef {http.Server|import('node:https').Server} Server */
/** @typedef {import('node:http').IncomingMessage & { [kHead]?: Buffer, [kServer]?: Server }} Request */
/** @typedef {import('node:net').Socket & { _httpMessage?: http.ServerResponse }} Socket */

const kHead = Symbol('what has come behind the head of the request'),
  kServer = Symbol('the server that it came to');
const kCheckMs = 500,
  kLeaveMs = 20;
const kMaxFragments = 4096,
  kMaxChunks = 64 * 1024; // of a message
const kPath = '/ws';

class Sockets {
  /** @type {Set<Connection>} */
  #connections = new Set();
  /** @type {Map<string, number>} of each client */
  #clients = new Map();
  #server;
  #config;
  #logger;
  #budget;
  #receivers;
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  #pinged = nowMs();

  /**
   * @param {object} parts
   * @param {Config} parts.config
   * @param {import('../../core/log').Logger} parts.logger
   * @param {import('../body').Budget} parts.budget of all bodies and messages
   * @param {Readonly<Record<string, Receiver>>} parts.receivers by subprotocol; '': of those that name none
   */
  constructor({ config, logger, budget, receivers }) {
    this.#config = config;
    this.#logger = logger;
    this.#budget = budget;
    this.#receivers = receivers;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: config.bodyLimit,
      maxFragments: kMaxFragments,
      maxBufferedChunks: kMaxChunks,
      handleProtocols: (offered) => this.#protocolOf(offered),
    });
  }

  /** How many are open. */
  get count() {
    return this.#connections.size;
  }

  /** Whether any has a call under way, or an answer that has not gone. */
  get isBusy() {
    return [...this.#connections].some(({ isBusy }) => isBusy);
  }

  /**
   * @param {Set<string>} offered subprotocols
   * @returns {string|false}
   */
  #protocolOf(offered) {
    for (const each of offered) if (each !== '' && Object.hasOwn(this.#receivers, each)) return each;
    return false;
  }

  /**
   * Requests for an upgrade are the service's like all others: its hooks decide who enters.
   * @param {Server} server
   * @param {import('fastify').FastifyInstance} app
   * @param {boolean} [everywhere] whatever the path is
   */
  attach(server, app, everywhere = false) {
    server.on('upgrade', (/** @type {Request} */ request, /** @type {Socket} */ socket, head) => {
      try {
        this.#enter({ server, app, everywhere }, request, socket, head);
      } catch (error) {
        // Nobody above would catch it: one client's bytes would end the process.
        this.#logger.error(describeError(error), 'an upgrade failed');
        socket.destroy();
      }
    });
  }

  /**
   * @param {{ server: Server, app: import('fastify').FastifyInstance, everywhere: boolean }} doors
   * @param {Request} request
   * @param {Socket} socket
   * @param {Buffer} head
   */
  #enter({ server, app, everywhere }, request, socket, head) {
    // Behind a request whose answer has not gone yet: who sends that is no WebSocket's client.
    if (socket._httpMessage) {
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    if (!isForSocket(request)) {
      withoutUpgrade(server, request, socket, head);
      return;
    }
    socket.on('error', () => {});
    // Until it is a WebSocket; Node's own times are for connections that it still has.
    socket.setTimeout(this.#config.headersTimeout, () => socket.destroy());
    if (everywhere) request.url = kPath;
    request[kHead] = head;
    request[kServer] = server;
    const response = new http.ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.end(() => socket.destroy()));
    app.routing(request, response);
  }

  /**
   * Whether a request that was let in can become a WebSocket.
   * @param {Request} request
   * @param {Caller} caller
   * @throws {HttpError} 400, 426, 429, 503
   */
  check(request, caller) {
    const offered = request.headers['sec-websocket-protocol']?.split(',').map((each) => each.trim()) ?? [];
    // A browser closes what answers with none of what it offered, and what is secret is not answered.
    if (offered.length > 0 && offered.every(isBearer))
      throw new HttpError(
        400,
        'ERR_INVALID_ARGUMENT',
        "the token is the only subprotocol: offer 'switchyard' or 'mcp' before it",
      );
    if (request[kHead] === undefined)
      throw new HttpError(426, 'ERR_INVALID_ARGUMENT', 'this path is for WebSockets: open it as ws://', {
        headers: { upgrade: 'websocket', connection: 'Upgrade' },
      });
    const { rpcConnections, rpcClientConnections } = this.#config;
    if (this.count >= rpcConnections)
      throw new HttpError(
        503,
        'ERR_TOO_MANY_CONNECTIONS',
        `there are ${rpcConnections} WebSockets already (RPC_MAX_CONNECTIONS)`,
      );
    if ((this.#clients.get(caller.client) ?? 0) >= rpcClientConnections)
      throw new HttpError(
        429,
        'ERR_TOO_MANY_CONNECTIONS',
        `this client has ${rpcClientConnections} WebSockets already (RPC_CLIENT_CONNECTIONS)`,
      );
  }

  /**
   * Makes a WebSocket of it.
   * @param {Request} request
   * @param {http.ServerResponse} response whose socket it is
   * @param {Caller} caller
   */
  open(request, response, caller) {
    const { socket } = request;
    const head = /** @type {Buffer} */ (request[kHead]);
    response.detachSocket(socket);
    response.removeAllListeners('finish');
    this.#server.handleUpgrade(request, socket, head, (made) => {
      leaveCount(/** @type {Server} */ (request[kServer]), socket);
      const config = this.#config;
      const receiver = this.#receivers[made.protocol] ?? this.#receivers[''];
      const connection = new Connection(made, socket, caller, receiver, {
        buffer: config.rpcBuffer,
        messageTime: config.requestTimeout,
        answerTime: config.answerTimeout,
        budget: this.#budget.of(caller.client),
        logger: this.#logger,
      });
      this.#add(connection, caller.client);
      made.once('close', () => this.#remove(connection, caller.client));
    });
  }

  /**
   * @param {Connection} connection
   * @param {string} client
   */
  #add(connection, client) {
    this.#connections.add(connection);
    this.#clients.set(client, (this.#clients.get(client) ?? 0) + 1);
    if (this.#timer) return;
    this.#timer = setInterval(() => this.#check(), Math.min(kCheckMs, this.#config.rpcPing));
    this.#timer.unref();
  }

  /**
   * @param {Connection} connection
   * @param {string} client
   */
  #remove(connection, client) {
    this.#connections.delete(connection);
    const left = (this.#clients.get(client) ?? 1) - 1;
    if (left > 0) this.#clients.set(client, left);
    else this.#clients.delete(client);
    if (this.count > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check() {
    const now = nowMs();
    const pings = now - this.#pinged >= this.#config.rpcPing;
    if (pings) this.#pinged = now;
    for (const connection of this.#connections) connection.check(now, pings);
  }

  /**
   * Closes all: who has nothing under way at once, so that it goes elsewhere, the others when that has ended, or the
   * time is up.
   * @param {number} timeout ms
   */
  async close(timeout) {
    const until = nowMs() + timeout;
    for (;;) {
      const isOver = nowMs() >= until;
      for (const connection of this.#connections)
        if (isOver || !connection.isBusy) connection.leave('the server stops');
      if (isOver || !this.isBusy) break;
      await new Promise((resolve) => {
        setTimeout(resolve, kLeaveMs);
      });
    }
    setTimeout(() => {
      for (const connection of this.#connections) connection.terminate();
    }, 500).unref();
  }
}

module.exports = { Sockets };
