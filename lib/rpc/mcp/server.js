// A server of the Model Context Protocol over the table of methods: one for each connection, or each request of a door
// without connections. Which revision of the protocol it speaks, the SDK settles with its client.
'use strict';
const { methods } = require('../methods');
const { kCapabilities, kInstructions, kListed, kServerInfo } = require('./about');
const { toolsOf } = require('./tools');

/** Whatever JSON can hold. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {import('@modelcontextprotocol/server').Server} Server */
/** @typedef {import('./call-tool').Parts} Parts */

/**
 * @param {Parts} parts
 * @param {() => void} [onListed] the tools were listed
 * @returns {Server}
 */
function makeServer(parts, onListed = () => {}) {
  const { Server, ProtocolError, ProtocolErrorCode } = require('@modelcontextprotocol/server');
  const server = new Server(
    { ...kServerInfo },
    {
      capabilities: { ...kCapabilities },
      instructions: kInstructions,
      cacheHints: { 'tools/list': { ...kListed } },
    },
  );
  server.setRequestHandler('tools/list', async () => {
    onListed();
    return { tools: /** @type {Json} */ (toolsOf(parts.caller)) };
  });
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    if (!methods.has(params.name) || methods.get(params.name)?.needsConnection)
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `there is no tool ${JSON.stringify(params.name)}`);
    return require('./call-tool').callTool(parts, params, context);
  });
  return server;
}

module.exports = { makeServer };
