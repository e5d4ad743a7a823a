// What a failure is called over HTTP: the status of every error code, and how much of its message leaves the machine.
'use strict';
const { codes } = require('../addon');
const { withoutPaths } = require('../core');

/**
 * What may be thrown: errors of ours, of fastify, of Node.
 * @typedef {Error & { code?: string, retryAfter?: number, log?: string }} Thrown
 */

/** A failure of the request itself, before there is a job. */
class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   * @param {{ headers?: Record<string, string>, retryAfter?: number }} [more]
   */
  constructor(status, code, message, { headers = {}, retryAfter } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
    this.retryAfter = retryAfter;
  }
}

/** @param {string} message */
function badRequest(message) {
  return new HttpError(400, 'ERR_INVALID_ARGUMENT', message);
}

const kRetryMs = 1000;
const kMaxMessage = 500; // it may quote what the client sent

/**
 * @param {Thrown} error
 * @param {number} status
 */
function retryAfterOf(error, status) {
  const { retryAfter } = error;
  if (retryAfter !== undefined && Number.isFinite(retryAfter)) return Math.max(0, retryAfter);
  const retry = error instanceof HttpError ? status === 429 || status === 503 : codes.get(error.code ?? '')?.retry;
  return retry ? kRetryMs : undefined;
}

/**
 * @typedef {object} Failure
 * @property {number} status
 * @property {Record<string, string>} headers
 * @property {{ error: { code: string, message: string, workloadId?: string, retryAfter?: number, log?: string } }} body
 * @property {boolean} internal whether the operator should hear of it, because the client does not
 */

/**
 * @param {Thrown} error
 * @param {string} [workloadId]
 * @returns {Failure}
 */
function describeFailure(error, workloadId) {
  const own = error instanceof HttpError;
  const status = own ? error.status : (codes.get(error.code ?? '')?.httpStatus ?? 500);
  const internal = !own && status === 500;
  const code = internal || error.code === undefined ? 'ERR_INTERNAL' : error.code;
  const message = internal
    ? 'an internal error; the log of the server says more'
    : own
      ? error.message
      : withoutPaths(String(error.message));
  const short = message.length > kMaxMessage ? `${message.slice(0, kMaxMessage)}...` : message;
  const retryAfter = retryAfterOf(error, status);
  const headers = { ...(own ? error.headers : {}) };
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfter / 1000)));
  return {
    status,
    headers,
    internal,
    body: {
      error: {
        code,
        message: short,
        ...(workloadId === undefined ? {} : { workloadId }),
        ...(retryAfter === undefined ? {} : { retryAfter }),
        ...(code === 'ERR_COMPILE' && typeof error.log === 'string' ? { log: withoutPaths(error.log) } : {}),
      },
    },
  };
}

module.exports = { HttpError, badRequest, describeFailure };
