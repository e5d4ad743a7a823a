// The official clients of both generations of the protocol's SDK, each as { tools, call, close, era }.
'use strict';
const WebSocket = require('ws');

const kInfo = { name: 'test', version: '1.0.0' };

/** As the first generation opens it: new WebSocket(url, 'mcp'), the global one. */
function webSocketTransport(url) {
  const { WebSocketClientTransport } = require('@modelcontextprotocol/sdk/client/websocket.js');
  const before = globalThis.WebSocket;
  globalThis.WebSocket = WebSocket;
  const transport = new WebSocketClientTransport(new URL(url));
  const { start } = transport;
  transport.start = () => {
    const started = start.call(transport);
    globalThis.WebSocket = before;
    return started;
  };
  return transport;
}

/** `to`: { url } of POST /mcp, { socket } of a WebSocket, or { command, args, env }. */
async function firstGeneration(to) {
  const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
  const { StreamableHTTPClientTransport } = require('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const { StdioClientTransport } = require('@modelcontextprotocol/sdk/client/stdio.js');
  const client = new Client(kInfo);
  const transport = to.socket
    ? webSocketTransport(to.socket)
    : to.url
      ? new StreamableHTTPClientTransport(new URL(to.url), { requestInit: { headers: to.headers ?? {} } })
      : new StdioClientTransport({ stderr: 'ignore', ...to });
  await client.connect(transport);
  return {
    client,
    transport,
    era: 'initialize',
    tools: async () => (await client.listTools()).tools,
    call: (name, params, options) => client.callTool({ name, arguments: params }, undefined, options),
    close: () => client.close(),
  };
}

/** The same of the second, which begins with server/discover. */
async function secondGeneration(to, mode = { pin: '2026-07-28' }) {
  const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');
  const { StdioClientTransport } = require('@modelcontextprotocol/client/stdio');
  const client = new Client(kInfo, { versionNegotiation: { mode } });
  const transport = to.url
    ? new StreamableHTTPClientTransport(new URL(to.url), { requestInit: { headers: to.headers ?? {} } })
    : new StdioClientTransport({ stderr: 'ignore', ...to });
  await client.connect(transport);
  return {
    client,
    transport,
    era: client.getNegotiatedProtocolVersion?.() ?? 'unknown',
    tools: async () => (await client.listTools()).tools,
    call: (name, params, options) => client.callTool({ name, arguments: params }, options),
    close: () => client.close(),
  };
}

module.exports = { firstGeneration, secondGeneration };
