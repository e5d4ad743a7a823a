// Failures as JSON-RPC says them: { code, message, data: { code, remedy, argument } }. Numbers of our codes come from
// src/errors.def; no path, name of memory or stack leaves the machine.
'use strict';
const { kRemedies } = require('./remedies');

/** Those that the specification names. */
const kParseError = -32700,
  kInvalidRequest = -32600,
  kMethodNotFound = -32601,
  kServerError = -32000;

/** @type {Readonly<Record<string, number>>} of the doors themselves: no job has them */
const kDoorCodes = Object.freeze({
  ERR_UNAUTHORIZED: -32020,
  ERR_FORBIDDEN: -32021,
  ERR_TOO_MANY_ANSWERS: -32022,
  ERR_TOO_MANY_CONNECTIONS: -32023,
  ERR_BODY_TOO_LARGE: -32024,
});

/** @typedef {{ code: number, message: string, data: Record<string, unknown> & { code: string } }} RpcError */

/**
 * A fault of the message itself, before there is a call.
 */
class ProtocolError extends Error {
  /**
   * @param {number} rpcCode
   * @param {string} message
   * @param {string} [code]
   */
  constructor(rpcCode, message, code = 'ERR_INVALID_ARGUMENT') {
    super(message);
    this.rpcCode = rpcCode;
    this.code = code;
  }
}

/**
 * @param {unknown} error whatever was thrown
 * @returns {{ error: RpcError, internal: boolean }} internal: the operator should hear of it, as the client does not
 */
function describeError(error) {
  const { describeFailure } = require('../exchange');
  if (error instanceof ProtocolError) {
    const { rpcCode, code, message } = error;
    return { error: { code: rpcCode, message, data: { code, remedy: kRemedies[code] } }, internal: false };
  }
  const { body, internal } = describeFailure(/** @type {import('../exchange/http-error').Thrown} */ (error));
  const { code, message, ...details } = body.error;
  return {
    error: { code: numberOf(code), message, data: { code, remedy: kRemedies[code], ...details } },
    internal,
  };
}

/** @param {string} code */
function numberOf(code) {
  const { codes } = require('../addon');
  return codes.get(/** @type {import('../index').ErrorCode} */ (code))?.rpcCode ?? kDoorCodes[code] ?? kServerError;
}

module.exports = { ProtocolError, describeError, kDoorCodes, kParseError, kInvalidRequest, kMethodNotFound };
