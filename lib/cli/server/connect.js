// A server that the command line asks: its options, and calls that are tried again, kept for an hour, and several at a
// time.
'use strict';
const fs = require('node:fs');
const { Client } = require('../../client');
const { asGpuError, invalid, show } = require('../../core');

/** Whatever JSON can hold. @typedef {ReturnType<typeof JSON.parse>} Json */
/**
 * @typedef {object} ServerOptions
 * @property {URL} [server]
 * @property {string} [tokenFile]
 * @property {boolean} cache
 * @property {number} parallel
 * @property {number} [timeout]
 */
/** @typedef {(method: string, params: object) => Promise<Json>} Call */

const kMostParallel = 64;
/** Whose answers are the same an hour later, too: what a memory finds is not. */
const kKept = new Set(['embed', 'rerank', 'executeWorkload']);

/** @param {string} text */
function parseServer(text) {
  const { InvalidArgumentError } = require('commander');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^(https?|wss?):$/.test(url.protocol))
    throw new InvalidArgumentError('It must be like http://127.0.0.1:3000, or ws://127.0.0.1:3001.');
  return url;
}

/** @param {string} text */
function parseParallel(text) {
  const { InvalidArgumentError } = require('commander');
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > kMostParallel)
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${kMostParallel}.`);
  return count;
}

/** @param {import('commander').Command} command */
function addServer(command) {
  command
    .option('--server <url>', 'ask this server: http://host:3000 or ws://host:3001', parseServer)
    .option('--token-file <file>', 'the file with the token for it (else AUTH_TOKEN)');
}

/**
 * @param {import('commander').Command} command
 * @param {boolean} keeps whether answers are kept
 */
function addServerOptions(command, keeps = true) {
  addServer(command);
  command.option('--parallel <count>', 'with --server: so many requests at a time', parseParallel, 4);
  if (keeps) command.option('--no-cache', 'with --server: ask even where an answer of the last hour is kept');
}

/** @param {string|undefined} file */
function readToken(file) {
  if (file === undefined) return process.env.AUTH_TOKEN || undefined;
  let text;
  try {
    text = fs.readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw invalid(`--token-file is ${show(file)}, but must be a file that can be read (${error.code})`);
  }
  if (!/^[\x21-\x7e]+$/.test(text)) throw invalid(`--token-file is ${show(file)}, but it has no token in one line`);
  return text;
}

/**
 * A failure as the others of the command line: with what helps, where the server said it.
 * @param {Json} error
 * @returns {Error}
 */
function told(error) {
  if (error.name !== 'RpcError') return error;
  const text = error.remedy ? `${error.message} (what helps: ${error.remedy})` : error.message;
  return error.status === 401 ? new Error(`${text}: --token-file or AUTH_TOKEN gives one`) : asOurs(error, text);
}

/**
 * @param {Json} error
 * @param {string} message
 */
function asOurs({ code, argument }, message) {
  return code.startsWith('ERR_CONNECTION') || code === 'ERR_PROTOCOL' || code === 'ERR_UNAUTHORIZED'
    ? new Error(message)
    : asGpuError({ code, message, argument });
}

/**
 * @param {ServerOptions} options
 * @returns {{ call: Call, server: string, close: () => Promise<void> }}
 */
function openServer({ server: url, tokenFile, cache = true, timeout }) {
  const server = /** @type {URL} */ (url).href.replace(/\/$/, '');
  const token = readToken(tokenFile);
  const isSocket = server.startsWith('ws');
  const client = new Client(server, { token, timeout, ...(isSocket ? { WebSocket: require('ws') } : {}) });
  /** @type {Call} */
  const call = async (method, params) => {
    const keeps = cache && kKept.has(method);
    const answers = require('./answers');
    const key = keeps ? answers.keyOf({ server, token, method, params }) : '';
    const kept = keeps ? await answers.find(key) : undefined;
    if (kept !== undefined) return kept;
    /** @type {Json} */
    const result = await client.call(method, params).catch((error) => {
      throw told(error);
    });
    // A disk that is full or not ours makes no answer worse.
    if (keeps) await answers.keep(key, { server, method, result }).catch(() => {});
    return result;
  };
  return { call, server, close: () => client.close() };
}

/**
 * @template Result
 * @param {ServerOptions} options
 * @param {(call: Call, server: string) => Promise<Result>} work
 * @returns {Promise<Result>}
 */
async function withServer(options, work) {
  const { call, server, close } = openServer(options);
  try {
    return await work(call, server);
  } finally {
    await close();
  }
}

module.exports = { addServer, addServerOptions, openServer, withServer };
