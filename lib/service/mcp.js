// POST /mcp: the Model Context Protocol over HTTP, answered as JSON or as a stream of events.
'use strict';
const { Readable } = require('node:stream');
const { badRequest, parseJson } = require('../exchange');
const { mcp } = require('../rpc');
const { callerOf } = require('./caller');
const { signalOf, whenGone } = require('./gone');
const { checkQuery } = require('./query');

/** @typedef {Awaited<ReturnType<typeof import('./body').readBody>>} Body */
/** @typedef {import('fastify').FastifyRequest} Request */

/**
 * The same request as the web has it; its body is given beside it.
 * @param {Request} request
 * @param {AbortSignal} signal
 */
function webRequest({ raw, headers }, signal) {
  const given = new Headers();
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) given.set(name, String(value));
  return new globalThis.Request('http://localhost/mcp', { method: raw.method, headers: given, body: '', signal });
}

/**
 * @param {Body} body is released
 * @returns {{ parsed?: unknown, problem?: string }}
 */
function read(body) {
  try {
    return { parsed: parseJson(body.content(), 'the body') };
  } catch (error) {
    return { problem: error.message };
  } finally {
    body.release();
  }
}

/**
 * Aborts when the client leaves; and for who only listens, when the server is to stop.
 * @param {import('fastify').FastifyReply} reply
 * @param {unknown} parsed
 * @param {import('./server').State} state
 */
function endOf(reply, parsed, { onDrain }) {
  const left = signalOf(reply);
  if (/** @type {{ method?: unknown }|null} */ (parsed)?.method !== 'subscriptions/listen') return left;
  const stopping = new AbortController();
  const stop = () => stopping.abort(new Error('the server is stopping'));
  onDrain.add(stop);
  whenGone(reply, () => onDrain.delete(stop));
  return AbortSignal.any([left, stopping.signal]);
}

/**
 * POST /mcp.
 * @param {import('./endpoints').Parts} parts
 * @returns {import('./endpoints').Handler}
 */
function postMcp({ dispatcher, logger, config, state }) {
  /** @type {ReturnType<typeof mcp.makeHttpHandler>|undefined} made, and the SDK loaded, for the first request */
  let handler;
  return async (request, reply) => {
    checkQuery(request.query, []);
    const body = /** @type {Body|undefined} */ (request.body);
    if (!body) throw badRequest('the body is missing, but must be a message of the Model Context Protocol');
    const { parsed, problem } = read(body);
    if (problem !== undefined)
      return reply.code(400).send({ jsonrpc: '2.0', id: null, error: { code: -32700, message: problem } });
    handler ??= mcp.makeHttpHandler({ dispatcher, logger });
    const answer = await handler.answer(webRequest(request, endOf(reply, parsed, state)), parsed, callerOf(request));
    reply.code(answer.status).headers(Object.fromEntries(answer.headers));
    if (!answer.body) return reply.send();
    // A stream says something every few seconds: a connection on which nothing moves has nobody who reads.
    const { socket } = reply.raw;
    socket?.setTimeout(config.answerTimeout);
    reply.raw.once('finish', () => socket?.setTimeout(0));
    return reply.send(Readable.fromWeb(/** @type {import('node:stream/web').ReadableStream} */ (answer.body)));
  };
}

module.exports = { postMcp };
