// Calls over HTTP, each a request of its own.
// Written by `npm run generate`.
import { RpcError, asRpcError, canceled, kConnection, kProtocol } from './errors.mjs';
import { decodeFrame, decodeText, encodeFrame } from './frame.mjs';

/** @typedef {import('./errors.js').Failure} Failure */
const kType = 'application/octet-stream';
const kPassing = new Set([429, 502, 503, 504]);

class HttpDoor {
  #url;
  #options;
  #closing = new AbortController();

  /**
   * @param {string} url of POST /rpc
   * @param {{ token?: string, headers?: Record<string, string>, fetch: typeof fetch }} options
   */
  constructor(url, options) {
    this.#url = url;
    this.#options = options;
  }

  /**
   * @param {string} method
   * @param {object} params
   * @param {{ signal?: AbortSignal, meta: object }} options
   * @returns {Promise<unknown>}
   */
  async call(method, params, { signal, meta }) {
    if (this.#closing.signal.aborted) throw new RpcError('ERR_CLOSED', 'this client is closed');
    const { token, headers, fetch: send } = this.#options;
    const withMeta = Object.keys(meta).length ? { ...params, _meta: meta } : params;
    const body = encodeFrame({ jsonrpc: '2.0', id: 1, method, params: withMeta });
    /** @type {Record<string, string>} */
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const ends = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
    /** @type {Response} */
    let response;
    /** @type {ArrayBuffer} */
    let bytes;
    try {
      response = await send(this.#url, {
        method: 'POST',
        body,
        headers: { 'content-type': kType, accept: kType, ...authorization, ...headers },
        signal: ends,
      });
      bytes = await response.arrayBuffer();
    } catch (error) {
      if (signal?.aborted) throw canceled(signal);
      if (ends.aborted) throw new RpcError('ERR_CLOSED', 'this client is closed');
      const cause = error.cause?.code ?? error.cause?.message ?? error.message;
      const sent = error.cause?.code !== 'ECONNREFUSED';
      throw new RpcError(kConnection, `${this.#url} can not be reached (${cause})`, { cause: error, sent });
    }
    return this.#resultOf(response, bytes);
  }

  /**
   * @param {Response} response
   * @param {ArrayBuffer} bytes
   */
  #resultOf({ status, headers }, bytes) {
    const isFrame = headers.get('content-type')?.startsWith(kType);
    /** @type {{ error?: Failure, result?: unknown }|null} */
    let message;
    try {
      const decoded = isFrame ? decodeFrame(bytes) : decodeText(new TextDecoder().decode(bytes));
      message = /** @type {typeof message} */ (decoded);
    } catch (error) {
      const code = kPassing.has(status) ? kConnection : kProtocol;
      throw new RpcError(code, `${this.#url} answered with status ${status} and no message: ${error.message}`, {
        status,
      });
    }
    const { error, result } = message ?? {};
    // The doors of HTTP refuse in their own form: the code is a name.
    if (typeof error?.code === 'string') {
      const { code, message: text, ...details } = error;
      throw new RpcError(code, String(text), { ...details, status });
    }
    if (error) throw asRpcError(error);
    if (status !== 200 || result === undefined)
      throw new RpcError(kProtocol, `${this.#url} answered with status ${status}, and no result`, { status });
    return result;
  }

  async close() {
    this.#closing.abort();
  }
}

export { HttpDoor };
