// What the tests of remote calls share: a service whose two ports listen, WebSockets that remember what has come, and
// calls over them.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const WebSocket = require('ws');
const { startServer, request, until } = require('./http-service');

/** A folder that is removed at the end of the file. */
function temporaryFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-rpc-'));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** As startServer(), with the port of WebSockets. */
async function startDoors(settings = {}, manager) {
  const server = await startServer(settings, manager);
  const { rpcServer } = server.app;
  await new Promise((resolve) => {
    rpcServer.listen(0, '127.0.0.1', resolve);
  });
  return { ...server, rpcPort: rpcServer.address().port };
}

/** One for all tests of a file. */
function useDoors(settings, manager) {
  const doors = {};
  beforeAll(async () => Object.assign(doors, await startDoors(settings, manager?.())));
  afterAll(() => doors.app.close());
  beforeEach(() => {
    if (doors.manager.calls) doors.manager.calls.length = 0;
    doors.manager.aborted = 0;
  });
  return doors;
}

/** A message of JSON-RPC. */
const message = (method, params, id = 1) => ({ jsonrpc: '2.0', id, method, ...(params ? { params } : {}) });

/**
 * An open WebSocket: { ws, received, send, next, ask, closed }.
 * @returns {Promise<object>} rejects with { status, text } where it is refused
 */
function open(port, { path: at = '/ws', protocols = [], headers = {}, origin, scheme = 'ws', ...more } = {}) {
  const ws = new WebSocket(`${scheme}://127.0.0.1:${port}${at}`, protocols, { headers, origin, ...more });
  const socket = { ws, received: [], notifications: [], closed: undefined };
  const waiting = [];
  ws.on('message', (data, isBinary) => {
    const got = isBinary ? data : JSON.parse(data.toString());
    if (got.method) {
      socket.notifications.push(got);
      return;
    }
    const next = waiting.shift();
    if (next) next(got);
    else socket.received.push(got);
  });
  socket.ended = new Promise((resolve) => {
    ws.once('close', (code, reason) => {
      socket.closed = { code, reason: reason.toString() };
      for (const next of waiting.splice(0)) next(undefined);
      resolve(socket.closed);
    });
  });
  socket.send = (what) => ws.send(typeof what === 'string' || Buffer.isBuffer(what) ? what : JSON.stringify(what));
  socket.next = () =>
    new Promise((resolve) => {
      if (socket.received.length) resolve(socket.received.shift());
      else if (socket.closed) resolve(undefined);
      else waiting.push(resolve);
    });
  socket.ask = (method, params, id) => {
    socket.send(message(method, params, id));
    return socket.next();
  };
  return new Promise((resolve, reject) => {
    ws.once('open', () => resolve(socket));
    ws.once('unexpected-response', (_, response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => reject(Object.assign(new Error(text), { status: response.statusCode, text })));
    });
    ws.on('error', reject);
  });
}

/** POST /rpc. */
const postRpc = (port, body, headers = {}) =>
  request(port, '/rpc', {
    method: 'POST',
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });

module.exports = { temporaryFolder, startDoors, useDoors, message, open, postRpc, request, until };
