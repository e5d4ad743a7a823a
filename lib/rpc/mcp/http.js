// The Model Context Protocol over HTTP: requests and responses as the web has them, each served by a server of its own.
// Nothing stays between two of them, so any worker answers any request.
'use strict';
const { makeServer } = require('./server');

const kKeepAliveMs = 10_000;
const kMostListening = 256; // streams of a worker

/**
 * @param {Omit<import('./call-tool').Parts, 'caller'>} parts
 * @returns {{ answer: (request: Request, parsed: unknown, caller: import('../call').Caller) => Promise<Response>,
 *   close: () => Promise<void> }}
 */
function makeHttpHandler(parts) {
  const { createMcpHandler } = require('@modelcontextprotocol/server');
  const handler = createMcpHandler(
    ({ authInfo }) =>
      makeServer({ ...parts, caller: /** @type {import('../call').Caller} */ (authInfo?.extra?.caller) }),
    {
      keepAliveMs: kKeepAliveMs,
      maxSubscriptions: kMostListening,
      onerror: ({ message }) => parts.logger.debug({ message }, 'a message of the protocol was refused'),
    },
  );
  return {
    answer: (request, parsedBody, caller) =>
      handler.fetch(request, {
        parsedBody,
        authInfo: { token: '', clientId: caller.client, scopes: [], extra: { caller } },
      }),
    close: handler.close,
  };
}

module.exports = { makeHttpHandler };
