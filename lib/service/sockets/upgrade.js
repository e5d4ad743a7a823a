// Requests that ask for another protocol than WebSockets (HTTP/2 over plain TCP, as Java's client does each time): they
// are answered as if they had not.
'use strict';

/** @typedef {import('node:http').IncomingMessage} Request */

/** @param {Request} request */
function isForSocket({ method, headers }) {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * The head of a request as it came, but for what asks for the upgrade.
 * @param {Request} request
 * @returns {Buffer}
 */
function plainHead({ method, url, httpVersion, rawHeaders }) {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    let value = rawHeaders[i + 1];
    if (name === 'upgrade' || name === 'http2-settings') continue;
    if (name === 'connection') {
      const others = value.split(',').filter((each) => !/^\s*(upgrade|http2-settings)\s*$/i.test(each));
      if (!others.length) continue;
      value = others.join(',');
    }
    text += `${rawHeaders[i]}: ${value}\r\n`;
  }
  return Buffer.from(`${text}\r\n`, 'latin1');
}

/**
 * Hands a connection back to its server, with the request at its beginning again, which asks for no upgrade then: Node
 * lets a server only take all of them, or none.
 * @param {import('node:net').Server} server
 * @param {Request} request
 * @param {import('node:net').Socket} socket
 * @param {Buffer} head what has come behind the request's head
 */
function withoutUpgrade(server, request, socket, head) {
  if (head.length) socket.unshift(head);
  socket.unshift(plainHead(request));
  server.emit('connection', socket);
}

module.exports = { isForSocket, withoutUpgrade };
