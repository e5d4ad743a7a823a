// The rows of the table of settings (settings.js) that are about who may enter the service, by which doors, and what it
// keeps for those who do; and of commands that ask a server.
'use strict';
const os = require('node:os');
const path = require('node:path');
const { boolean, bytes, integer, text, wholeMilliseconds } = require('./kinds');

/** Where what is kept lies, unless a setting says otherwise. */
function dataFolder() {
  return path.join(process.env.XDG_DATA_HOME || path.join(os.homedir(), '.local', 'share'), 'switchyard');
}

/** @type {Record<string, import('./settings').Row>} */
const kDoorRows = {
  rpcPort: {
    of: 'service',
    kind: integer(0, 65535),
    env: ['RPC_PORT'],
    otherwise: 'the one after `port`',
    flag: '--rpc-port <port>',
    what: 'where to listen for WebSockets; 0: any that is free; the same as `port`: there alone, at /ws',
  },
  authToken: {
    of: 'service',
    kind: text,
    env: ['AUTH_TOKEN'],
    otherwise: 'none',
    what: 'the one token that requests must have, as `Authorization: Bearer <token>`; 16 characters at least',
    more: 'It may do everything but run kernels. Give it in the environment: a command line can be read by others.',
  },
  authTokensFile: {
    of: 'service',
    kind: text,
    env: ['AUTH_TOKENS_FILE'],
    otherwise: 'none',
    what: 'a file of several tokens, with names, scopes, expiry and quotas: docs/rpc.md',
    more: 'It is read again when it changes.',
  },
  allowAnonymous: {
    of: 'service',
    kind: boolean,
    env: ['ALLOW_ANONYMOUS'],
    initial: false,
    flag: '--allow-anonymous',
    what: 'whether requests without a token are taken on an address that others can reach',
    more: 'On a loopback address they are. Where there are tokens each request needs one, whatever this says.',
  },
  allowedOrigins: {
    of: 'service',
    kind: text,
    env: ['ALLOWED_ORIGINS'],
    otherwise: 'pages of this machine, where only it can connect',
    what: 'the origins whose pages in browsers may send requests, with commas between them; *: all',
  },
  tlsCert: {
    of: 'service',
    kind: text,
    env: ['TLS_CERT'],
    otherwise: 'none',
    what: 'the file of the certificate, with those between it and its root, for HTTPS and WSS; with `tlsKey`',
  },
  tlsKey: {
    of: 'service',
    kind: text,
    env: ['TLS_KEY'],
    otherwise: 'none',
    what: "the file of the certificate's key",
  },
  memoryDir: {
    of: 'service',
    kind: text,
    env: ['MEMORY_DIR'],
    serviceInitial: dataFolder,
    otherwise: '`$XDG_DATA_HOME/switchyard`, else `~/.local/share/switchyard`',
    flag: '--memory-dir <folder>',
    what: 'the folder of what clients have kept: memories, indexes, objects',
  },
  modelsDir: {
    of: 'service',
    kind: text,
    env: ['MODELS_DIR'],
    otherwise: 'none',
    what: 'a folder whose folders are models of texts that clients may name',
  },
  textModel: {
    of: 'service',
    kind: text,
    env: ['TEXT_MODEL'],
    otherwise: 'the default model',
    what: 'what texts are embedded with where a client names no model: a folder, or the name of a package',
  },
  textReranker: {
    of: 'service',
    kind: text,
    env: ['TEXT_RERANKER'],
    otherwise: 'none',
    what: 'a cross-encoder, by which documents are put in order; without one by their vectors',
  },
  rpcConnections: {
    of: 'service',
    kind: integer(1, 1_000_000),
    env: ['RPC_MAX_CONNECTIONS'],
    initial: 4096,
    what: 'WebSockets of a worker',
  },
  rpcClientConnections: {
    of: 'service',
    kind: integer(1, 1_000_000),
    env: ['RPC_CLIENT_CONNECTIONS'],
    initial: 256,
    what: 'WebSockets of a client with a worker',
  },
  rpcBuffer: {
    of: 'service',
    kind: bytes(1, 2 ** 20),
    env: ['RPC_BUFFER'],
    initial: 64 * 2 ** 20,
    what: 'what may wait to be read by the client of a WebSocket; beyond that it is closed',
    more: 'One answer that is larger than this by itself is sent, when nothing else waits.',
  },
  rpcPing: {
    of: 'service',
    kind: wholeMilliseconds(100, 3_600_000),
    env: ['RPC_PING'],
    initial: 30_000,
    what: 'the time between two pings on a WebSocket; one that does not answer by the next is closed',
  },
  answersDir: {
    of: 'command',
    kind: text,
    env: ['ANSWERS_DIR'],
    otherwise: '`$XDG_CACHE_HOME/switchyard/answers`, else `~/.cache/switchyard/answers`',
    what: 'the folder in which `run`, `embed` and `rerank` with `--server` keep answers for an hour',
  },
};

module.exports = { kDoorRows };
