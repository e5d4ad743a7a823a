// GET /ws: a WebSocket, for whoever was let in.
'use strict';
const { HttpError } = require('../exchange');
const { callerOf } = require('./caller');

/**
 * GET /ws.
 * @param {import('./endpoints').Parts} parts
 * @returns {import('./endpoints').Handler}
 */
function openSocket({ sockets, state }) {
  return async (request, reply) => {
    if (state.draining) throw new HttpError(503, 'ERR_CLOSED', 'the server is stopping: it opens no WebSockets');
    const caller = callerOf(request);
    sockets.check(request.raw, caller);
    reply.hijack();
    sockets.open(request.raw, reply.raw, caller);
    return undefined;
  };
}

module.exports = { openSocket };
