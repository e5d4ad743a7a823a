// Who asks: the caller that a request was found to be of, when it came in.
'use strict';
const { clientOf } = require('../exchange');

/** @typedef {import('../rpc/call').Caller} Caller */
/** @typedef {import('fastify').FastifyRequest & { caller?: Caller }} Request */

/**
 * @param {import('fastify').FastifyRequest} request that was let in
 * @returns {Caller}
 */
function callerOf(request) {
  return /** @type {Caller} */ (/** @type {Request} */ (request).caller);
}

/**
 * What a request is counted for; one that nobody has to be known for by its address.
 * @param {import('fastify').FastifyRequest} request
 * @returns {string}
 */
function clientName(request) {
  return callerOf(request)?.client ?? clientOf(request.ip);
}

module.exports = { callerOf, clientName };
