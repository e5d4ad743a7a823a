// A server that sends each message back, in fragments as the service does: what the way there and back costs by itself.
'use strict';
const { WebSocketServer } = require('ws');

const kFragment = 256 * 1024;

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () =>
  process.send(server.address().port),
);
server.on('connection', (ws) =>
  ws.on('message', (data) => {
    for (let at = 0; at < data.length; at += kFragment)
      ws.send(data.subarray(at, at + kFragment), { binary: true, fin: at + kFragment >= data.length });
  }),
);
process.on('disconnect', () => process.exit(0));
