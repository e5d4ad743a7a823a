// A client of the service for Node and browsers, without dependencies: JSON-RPC in binary frames over a WebSocket or
// HTTP, promises, signals, progress, and tries again where that is safe. `npm run generate` writes the same as ES
// modules beside it.
// Written by `npm run generate`.
import { RpcError, canceled, delayOf, mayRetry, waitFor } from './errors.mjs';
import { decodeFrame, encodeFrame } from './frame.mjs';
import { HttpDoor } from './http.mjs';
import { kMethods } from './methods.mjs';
import { SocketDoor } from './socket.mjs';

/** @typedef {import('./index.js').ClientOptions} Options */
/** @typedef {import('./index.js').CallOptions} CallOptions */
const kRetries = 5;
const kBackoff = { first: 100, most: 10_000 };

/**
 * @param {Options} options
 * @param {URL} url
 */
function doorOf(options, url) {
  if (url.protocol === 'ws:' || url.protocol === 'wss:') {
    const Socket = /** @type {typeof WebSocket|undefined} */ (options.WebSocket ?? globalThis.WebSocket);
    if (!Socket)
      throw new TypeError(
        'this runtime has no WebSocket: give one, { WebSocket: require("ws") }, or take an http:// URL',
      );
    return new SocketDoor(url.href, { ...options, WebSocket: Socket });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError(`the URL is ${url.href}, but must begin with ws://, wss://, http:// or https://`);
  if (url.pathname === '/') url.pathname = '/rpc';
  return new HttpDoor(url.href, { ...options, fetch: options.fetch ?? globalThis.fetch.bind(globalThis) });
}

class Client {
  #door;
  #retries;
  #backoff;
  #timeout;

  /**
   * @param {string|URL} url ws://localhost:3001, or http://localhost:3000
   * @param {Options} [options]
   */
  constructor(url, options = {}) {
    const { retries = kRetries, backoff = {}, timeout } = options;
    this.#door = doorOf(options, new URL(url));
    this.#retries = retries;
    this.#backoff = { ...kBackoff, ...backoff };
    this.#timeout = timeout;
  }

  /**
   * @param {string} method
   * @param {object} [params]
   * @param {CallOptions} [options]
   * @returns {Promise<unknown>}
   */
  async call(method, params = {}, options = {}) {
    const { timeout = this.#timeout, onProgress, idempotencyKey, traceparent } = options;
    const limit = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
    const signal = limit && options.signal ? AbortSignal.any([limit, options.signal]) : (limit ?? options.signal);
    const isSafe = kMethods[method] === true || idempotencyKey !== undefined;
    const meta = {
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(traceparent === undefined ? {} : { traceparent }),
    };
    for (let tries = 0; ; ++tries) {
      try {
        return await this.#door.call(method, params, { signal, onProgress, meta });
      } catch (error) {
        if (tries >= this.#retries || !mayRetry(error, isSafe) || this.#isClosed) throw error;
        await waitFor(delayOf(tries, this.#backoff, error.retryAfter), signal);
      }
      if (signal?.aborted) throw canceled(signal);
    }
  }

  #isClosed = false;

  /** Ends the connection; calls that are under way fail. Idempotent. */
  close() {
    this.#isClosed = true;
    return this.#door.close();
  }
}

for (const name of Object.keys(kMethods))
  Object.defineProperty(Client.prototype, name, {
    configurable: true,
    writable: true,
    /** @type {(this: Client, params?: object, options?: CallOptions) => Promise<unknown>} */
    value(params, options) {
      return this.call(name, params, options);
    },
  });

export { Client, RpcError, encodeFrame, decodeFrame };
