// A server of the Model Context Protocol over the table of methods: one for each connection, or each request of a door
// without connections. Which revision of the protocol it speaks, the SDK settles with its client.
'use strict';
const { version } = require('../../../package.json');
const { methods } = require('../methods');
const { toolsOf } = require('./tools');

/** Whatever JSON can hold. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {import('@modelcontextprotocol/server').Server} Server */
/** @typedef {import('./call-tool').Parts} Parts */

const kInstructions =
  'A memory that finds texts by what they mean (memory_remember, memory_recall, memory_forget), vectors of texts ' +
  '(embed, rerank), indexes of vectors, objects by key, and numeric workloads on GPUs and processors ' +
  '(listWorkloads, executeWorkload). Remember documents with metadata, so that a filter can tell them apart.';
const kListMs = 3_600_000; // for which a client may keep the list of tools: it is the same for as long as we run

/**
 * @param {Parts} parts
 * @param {() => void} [onListed] the tools were listed
 * @returns {Server}
 */
function makeServer(parts, onListed = () => {}) {
  const { Server, ProtocolError, ProtocolErrorCode } = require('@modelcontextprotocol/server');
  const server = new Server(
    { name: 'switchyard', title: 'Switchyard', version },
    {
      capabilities: { tools: {} },
      instructions: kInstructions,
      cacheHints: { 'tools/list': { ttlMs: kListMs, cacheScope: 'private' } },
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
