// What a failure is called over HTTP: the status of every error code, and how much of its message leaves the machine.
'use strict';
const { codes } = require('../addon');
const { detailsOf, withoutPaths } = require('../core');

/** @typedef {import('../core/errors').ErrorDetails} ErrorDetails */
/** @typedef {Error & { code?: string } & ErrorDetails} Thrown what may be: errors of ours, of fastify, of Node */

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
 * @property {{ error: { code: string, message: string, workloadId?: string } & ErrorDetails }} body
 * @property {boolean} internal whether the operator should hear of it, because the client does not
 */

/**
 * The details of an error that a client may see: an argument is what it sent, a log has no folders.
 * @param {unknown} error
 * @returns {ErrorDetails}
 */
function publicDetails(error) {
  const details = detailsOf(error);
  if (details.argument !== undefined) details.argument = shortened(details.argument);
  if (details.log !== undefined) details.log = withoutPaths(details.log);
  return details;
}

/** @param {string} text */
function shortened(text) {
  return text.length > kMaxMessage ? `${text.slice(0, kMaxMessage)}...` : text;
}

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
        message: shortened(message),
        ...(workloadId === undefined ? {} : { workloadId }),
        ...(internal ? {} : publicDetails(error)),
        ...(retryAfter === undefined ? {} : { retryAfter }),
      },
    },
  };
}

module.exports = { HttpError, badRequest, describeFailure };
