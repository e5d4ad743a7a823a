// What helps after each error, for whoever reads it at the other end of a connection.
'use strict';

/** @type {Readonly<Record<string, string>>} by code: those of src/errors.def, and those of the doors */
const kRemedies = Object.freeze({
  ERR_INVALID_ARGUMENT: 'put right what the message names; docs/rpc.md and GET /openapi.json have the schemas',
  ERR_UNKNOWN_WORKLOAD: 'listWorkloads says which there are',
  ERR_UNSUPPORTED: 'ask for something else, or run it where a device or the setup allows it',
  ERR_OUT_OF_MEMORY: 'make it smaller, or call cleanup; the operator can raise the limit that the message names',
  ERR_DEVICE_LOST: 'send it again',
  ERR_COMPILE: 'put the source right: the log says where',
  ERR_TIMEOUT: 'give it more time with job.timeout or options.timeout, or make it smaller',
  ERR_CANCELED: 'nothing: its caller has canceled it',
  ERR_QUEUE_FULL: 'send it again after retryAfter milliseconds',
  ERR_WORKER_LOST: 'send it again',
  ERR_CLOSED: 'connect again, and send it again',
  ERR_INTERNAL: 'tell the operator: the log of the server says more',
  ERR_NOT_FOUND: 'make it first, or take a name that is there',
  ERR_DAMAGED: 'tell the operator: what the disk has is to be restored from a copy',
  ERR_LOCKED: 'close the other process that has it open, or give this one another MEMORY_DIR',
  ERR_BUDGET: 'send it again after retryAfter milliseconds; the operator can raise the budget',
  ERR_UNAUTHORIZED: 'send a valid token: Authorization: Bearer <token>',
  ERR_FORBIDDEN: 'use a token whose scopes allow it',
  ERR_TOO_MANY_ANSWERS: 'read the answers that are on their way, then send it again',
  ERR_TOO_MANY_CONNECTIONS: 'close a connection, or come again later',
  ERR_BODY_TOO_LARGE: 'send less at a time',
});

module.exports = { kRemedies };
