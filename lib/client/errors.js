// What a call ends with where it fails: an error with the server's code, or with one of the client's own.
'use strict';

/**
 * What an answer says of a failure.
 * @typedef {{ code?: unknown, message?: unknown, data?: { code?: string } & Record<string, unknown> }} Failure
 */
/** No answer came: the connection could not be opened, or has ended. */
const kConnection = 'ERR_CONNECTION';
/** What came is no answer. */
const kProtocol = 'ERR_PROTOCOL';

/** The server has run nothing of it: it may be sent again, whatever it is. */
const kNotRun = new Set(['ERR_QUEUE_FULL', 'ERR_TOO_MANY_ANSWERS', 'ERR_TOO_MANY_CONNECTIONS', 'ERR_CLOSED']);
/** It may succeed when it is sent again. */
const kPassing = new Set([...kNotRun, kConnection, 'ERR_WORKER_LOST', 'ERR_DEVICE_LOST']);

class RpcError extends Error {
  /** What the server said it may be sent again after, ms. @type {number|undefined} */
  retryAfter;
  /** Whether any of it has left. @type {boolean|undefined} */
  sent;

  /**
   * @param {string} code
   * @param {string} message
   * @param {object} [details] remedy, argument, retryAfter, rpcCode, status, cause
   */
  constructor(code, message, details = {}) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
    Object.assign(this, details);
  }
}

/**
 * @param {Failure} error of an answer
 * @returns {RpcError}
 */
function asRpcError(error) {
  const { code, message, data } = error;
  const { code: name = 'ERR_INTERNAL', ...details } = data ?? {};
  return new RpcError(String(name), String(message), { ...details, rpcCode: code });
}

/**
 * @param {unknown} error
 * @param {boolean} isSafe whether the call may run twice
 */
function mayRetry(error, isSafe) {
  if (!(error instanceof RpcError) || !kPassing.has(error.code)) return false;
  return isSafe || kNotRun.has(error.code) || error.sent === false;
}

/**
 * How long to wait before the next try: longer each time, and never the same for all clients.
 * @param {number} tries that there were
 * @param {{ first: number, most: number }} backoff ms
 * @param {number} [retryAfter] what the server said, ms
 */
function delayOf(tries, { first, most }, retryAfter = 0) {
  const longest = Math.min(most, first * 2 ** tries);
  return Math.max(retryAfter, longest / 2 + (Math.random() * longest) / 2);
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>} rejects with ERR_CANCELED
 */
function waitFor(ms, signal) {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(canceled(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** @param {AbortSignal} [signal] */
function canceled(signal) {
  const cause = signal?.reason;
  return cause?.name === 'TimeoutError'
    ? new RpcError('ERR_TIMEOUT', 'the call took longer than its timeout', { cause })
    : new RpcError('ERR_CANCELED', 'the call was canceled by its signal', { cause });
}

module.exports = { RpcError, asRpcError, mayRetry, delayOf, waitFor, canceled, kConnection, kProtocol };
