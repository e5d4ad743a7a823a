// A client over a WebSocket, for figures: calls in binary frames, as many at a time as its caller has under way.
'use strict';
const WebSocket = require('ws');
const { framePieces } = require('../../lib/rpc/encode');

const kPrefix = 12;

/** @returns {Promise<{ call: (method: string, params: object) => Promise<object>, ws: object, close: () => void }>} */
function connect(port, path = '/') {
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, 'mcp', { perMessageDeflate: false });
  const waiting = new Map();
  let last = 0;
  ws.on('message', (data, isBinary) => {
    const message = JSON.parse(
      isBinary ? data.toString('utf8', kPrefix, kPrefix + data.readUInt32LE(8)) : data.toString(),
    );
    const { resolve, reject } = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) reject(new Error(message.error.message));
    else resolve(message.result);
  });
  const call = (method, params) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject });
      const pieces = framePieces({ jsonrpc: '2.0', id, method, params });
      pieces.forEach((piece, i) => ws.send(piece, { binary: true, fin: i === pieces.length - 1 }));
    });
  return new Promise((resolve, reject) => {
    ws.once('error', reject);
    ws.once('open', () => resolve({ call, ws, close: () => ws.close() }));
  });
}

module.exports = { connect };
