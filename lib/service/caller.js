// Who asks: the client that a request is counted for.
'use strict';
const { clientOf } = require('../exchange');

/**
 * @param {import('fastify').FastifyRequest} request
 * @returns {string}
 */
function clientName(request) {
  return clientOf(request.ip);
}

module.exports = { clientName };
