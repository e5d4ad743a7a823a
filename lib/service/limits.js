// What a connection may do before there is a request: how long, how many, how large; and the answer to bytes that are
// no HTTP.
'use strict';
const tls = require('node:tls');
const { HttpError, describeFailure } = require('../exchange');

/** @typedef {import('node:net').Socket} Socket */

const kMaxHeaderBytes = 16 * 1024,
  kMaxHeaders = 100;
// longer than load balancers keep theirs, so that they don't send into a closing connection
const kKeepAliveMs = 72_000;
const kLingerMs = 2000; // of silence, after the answer, of a client that has not sent its whole request
/** @type {Record<number, string>} */
const kReasons = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
};

/**
 * The options of fastify and of Node's server that bound a connection.
 * @param {import('../config/config').HttpConfig} config
 */
function serverOptions({ headersTimeout, requestTimeout }) {
  const times = { headersTimeout: Math.min(headersTimeout, requestTimeout), requestTimeout };
  return {
    requestTimeout,
    keepAliveTimeout: kKeepAliveMs,
    // Node looks for connections over their time only so often.
    http: {
      ...times,
      connectionsCheckingInterval: Math.max(100, Math.min(1000, times.headersTimeout / 4)),
      maxHeaderSize: kMaxHeaderBytes,
      insecureHTTPParser: false,
    },
    // Before the handshake there is no HTTP whose time would count.
    tls: { handshakeTimeout: times.headersTimeout },
    clientErrorHandler: refuseBytes,
  };
}

/**
 * @param {Socket} socket
 * @param {HttpError} error
 */
function endWith(socket, error) {
  const { status, headers, body } = describeFailure(error);
  const text = `${JSON.stringify(body)}\n`;
  const lines = Object.entries({
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${kReasons[status]}\r\n${lines.join('')}\r\n${text}`, () => socket.destroy());
}

/** @param {{ code?: string }} error */
function failureOf({ code }) {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HttpError(431, 'ERR_HEADERS_TOO_LARGE', `the headers are larger than ${kMaxHeaderBytes} bytes`);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpError(408, 'ERR_REQUEST_TIMEOUT', 'the request was not complete in time');
  return new HttpError(400, 'ERR_INVALID_ARGUMENT', 'this is not an HTTP request');
}

/**
 * @param {{ code?: string }} error
 * @param {Socket & { _httpMessage?: { headersSent: boolean } }} socket
 */
function refuseBytes(error, socket) {
  // Never into the middle of an answer that has begun.
  const begun = socket._httpMessage?.headersSent;
  if (error.code === 'ECONNRESET' || !socket.writable || begun) socket.destroy();
  else endWith(socket, failureOf(error));
}

const kUpgraded = 'switchyard-upgraded'; // an event of a server: one of its connections is a WebSocket now

/**
 * By what a connection is known above TLS and below.
 * @param {Socket} socket
 */
function nameOf({ remoteAddress, remotePort }) {
  return `${remoteAddress} ${remotePort}`;
}

/**
 * One connection too many is told so. Node's own maxConnections would hand it on from worker to worker for ever when
 * all are full. WebSockets are counted elsewhere, and leave this count: none of them keeps a request out.
 * @param {import('node:http').Server|import('node:https').Server} server
 * @param {number} max
 */
function limitConnections(server, max) {
  /** @type {Map<string, Socket>} */
  const open = new Map();
  server.prependListener('connection', (/** @type {Socket} */ socket) => {
    const name = nameOf(socket);
    open.set(name, socket);
    socket.once('close', () => {
      if (open.get(name) === socket) open.delete(name);
    });
    if (open.size <= max) return;
    socket.on('error', () => {});
    // Below TLS there is nothing that its client could read.
    if (server instanceof tls.Server) socket.destroy();
    else endWith(socket, new HttpError(503, 'ERR_TOO_MANY_CONNECTIONS', `there are ${max} connections already`));
  });
  server.on(kUpgraded, (/** @type {Socket} */ socket) => open.delete(nameOf(socket)));
}

/**
 * A connection of a server is a WebSocket from now on.
 * @param {import('node:http').Server|import('node:https').Server} server
 * @param {Socket} socket
 */
function leaveCount(server, socket) {
  server.emit(kUpgraded, socket);
}

/** @param {import('node:http').IncomingMessage} request */
function checkHeaders(request) {
  const count = request.rawHeaders.length / 2;
  if (count > kMaxHeaders)
    throw new HttpError(431, 'ERR_HEADERS_TOO_LARGE', `there are ${count} headers, but may be at most ${kMaxHeaders}`);
}

/**
 * Lets a client that still sends its request read the answer: a connection that is closed under it takes the answer
 * along. It is closed when the request is there, if the client wants that, or when nothing comes any more.
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response not sent yet
 */
function linger(request, response) {
  const { socket } = request;
  const closes = !response.shouldKeepAlive;
  response.shouldKeepAlive = true;
  response.once('finish', () => {
    if (!request.complete) socket.setTimeout(kLingerMs);
  });
  const done = () => {
    if (closes) socket.end();
    else socket.setTimeout(kKeepAliveMs);
  };
  request.once('end', () => {
    if (response.writableFinished) done();
    else response.once('finish', done);
  });
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {HttpError} error
 */
function answerAndEnd(response, error) {
  const { status, headers, body } = describeFailure(error);
  const type = { 'content-type': 'application/json; charset=utf-8' };
  response.writeHead(status, { ...type, connection: 'close', ...headers }).end(`${JSON.stringify(body)}\n`);
}

module.exports = { answerAndEnd, leaveCount, serverOptions, limitConnections, checkHeaders, linger };
