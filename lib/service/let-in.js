// Who a request is of, before anything else is looked at; and what browsers want to hear of other origins.
'use strict';
const { HttpError } = require('../exchange');

/** @typedef {import('./access').Access} Access */
/** @typedef {import('./endpoints').Endpoint} Endpoint */
/** @typedef {import('./caller').Request} Request */
/** @typedef {import('fastify').FastifyReply} Reply */

const kPreflightSeconds = 600;
const kShown = 'x-workload-id, retry-after, www-authenticate';

/**
 * @param {import('fastify').FastifyRequest} request
 * @param {Reply} reply
 * @returns {boolean} whether it was a browser that asks whether it may ask: it has its answer
 */
function answerPreflight({ method, headers }, reply) {
  const { 'access-control-request-method': wanted, 'access-control-request-headers': named } = headers;
  if (method !== 'OPTIONS' || wanted === undefined) return false;
  reply.header('access-control-allow-methods', 'GET, HEAD, POST, PUT, DELETE');
  reply.header('access-control-allow-headers', named ?? 'authorization, content-type');
  reply.header('access-control-max-age', kPreflightSeconds);
  reply.code(204).send();
  return true;
}

/**
 * @param {import('fastify').FastifyInstance} app
 * @param {Access} access
 */
function addAccess(app, access) {
  app.decorateRequest('caller', undefined);
  app.addHook('onRequest', async (/** @type {Request} */ request, reply) => {
    const { headers } = request;
    const { scope = 'read' } = /** @type {{ scope?: Endpoint['scope'] }} */ (request.routeOptions.config ?? {});
    const isOpen = scope === 'open';
    reply.header('vary', 'origin');
    if (isOpen) request.caller = access.knownCaller(headers, request.ip);
    else access.checkOrigin(headers.origin, headers.host);
    // A page that may not ask has no answer that it could read, of what everybody may have either.
    if (headers.origin !== undefined && access.allowsOrigin(headers.origin, headers.host)) {
      reply.header('access-control-allow-origin', headers.origin);
      reply.header('access-control-expose-headers', kShown);
      if (answerPreflight(request, reply)) return reply;
    }
    if (isOpen) return undefined;
    access.checkHost(headers.host);
    const caller = access.callerOf(headers, request.ip);
    request.caller = caller;
    if (scope === 'methods') return undefined;
    if (!caller.allows(scope))
      throw new HttpError(403, 'ERR_FORBIDDEN', `this needs the scope '${scope}', which this token does not have`);
    await caller.charge?.();
    return undefined;
  });
}

module.exports = { addAccess };
