// The port of WebSockets alone (RPC_PORT).
'use strict';
const http = require('node:http');
const https = require('node:https');
const { HttpError } = require('../exchange');
const { answerAndEnd, limitConnections, serverOptions } = require('./limits');

/**
 * @param {import('fastify').FastifyInstance} app decides who enters
 * @param {import('./sockets').Sockets} sockets
 * @param {import('../config/config').HttpConfig} config
 * @param {import('./access/tls').Tls} [tls]
 * @returns {http.Server} that is not listening yet
 */
function makeRpcServer(app, sockets, config, tls) {
  const { http: times, tls: ofTls } = serverOptions(config);
  const server = tls ? https.createServer({ ...times, ...ofTls, ...tls }) : http.createServer(times);
  limitConnections(server, config.rpcConnections);
  server.on('request', (request, response) => {
    request.resume();
    const what = 'this port is for WebSockets: open it as ws://; JSON-RPC over HTTP is POST /rpc of the main port';
    const headers = { upgrade: 'websocket', connection: 'Upgrade' };
    answerAndEnd(response, new HttpError(426, 'ERR_INVALID_ARGUMENT', what, { headers }));
  });
  sockets.attach(server, app, true);
  return server;
}

module.exports = { makeRpcServer };
