// When a request has nobody any more who waits for its answer, or has been answered.
'use strict';
const { setImmediate } = require('node:timers');

/** @typedef {import('fastify').FastifyReply} Reply */

/**
 * Who waits for the end of each connection. One listener serves them all: a client may have many requests on its way.
 * @type {WeakMap<import('node:stream').Duplex, Set<() => void>>}
 */
const waiting = new WeakMap();

/** @param {import('node:stream').Duplex} socket */
function waitersOf(socket) {
  let waiters = waiting.get(socket);
  if (!waiters) {
    const made = (waiters = new Set());
    waiting.set(socket, made);
    socket.once('close', () => {
      for (const each of [...made]) each();
    });
  }
  return waiters;
}

/**
 * Calls `then` once: when the answer has been sent, or when its connection has ended. The response alone does not tell:
 * one that waits behind others of its connection (pipelining) has no socket yet, and says nothing when that ends.
 * @param {Reply} reply
 * @param {() => void} then
 * @example whenGone(reply, () => pass.leave());
 */
function whenGone(reply, then) {
  const { raw: response, request } = reply;
  const { socket } = request.raw;
  const waiters = waitersOf(socket);
  const once = () => {
    if (!waiters.delete(once)) return;
    response.removeListener('close', once);
    then();
  };
  waiters.add(once);
  response.once('close', once);
  if (response.closed || socket.closed) setImmediate(once);
}

/** @param {Reply} reply aborts when the client leaves before it has its answer */
function signalOf(reply) {
  const controller = new AbortController();
  whenGone(reply, () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('the client left'));
  });
  return controller.signal;
}

module.exports = { whenGone, signalOf };
