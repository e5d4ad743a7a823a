// Calls over one WebSocket, which is opened when it is needed, and again when it has ended.
'use strict';
const { RpcError, asRpcError, canceled, kConnection, kProtocol } = require('./errors');
const { decodeFrame, decodeText, encodeFrame } = require('./frame');

/** @typedef {import('./index.js').ClientOptions} ClientOptions */
/** @typedef {import('./index.js').CallOptions} CallOptions */
/**
 * @typedef {{ resolve: (result: unknown) => void, reject: (error: Error) => void, onProgress?:
 *   CallOptions['onProgress'] }} Waiting
 */
/**
 * What a server sends: an answer, or a notification.
 * @typedef {object} Message
 * @property {number|null} [id]
 * @property {string} [method]
 * @property {{ token?: number }} [params]
 * @property {unknown} [result]
 * @property {import('./errors.js').Failure} [error]
 */

/**
 * @param {string} token
 * @returns {string} a subprotocol, which may have no others than these characters: a token with others is encoded
 */
function bearerOf(token) {
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(token)) return `switchyard.bearer.${token}`;
  const encoded = btoa(token).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  return `switchyard.bearer64.${encoded}`;
}

class SocketDoor {
  #url;
  #options;
  #last = 0;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  /** @type {Promise<WebSocket>|undefined} */
  #opened;
  #isClosed = false;

  /**
   * @param {string} url
   * @param {{ token?: string, WebSocket: typeof WebSocket, onEvent?: ClientOptions['onEvent'],
   *   onState?: ClientOptions['onState'] }} options
   */
  constructor(url, options) {
    this.#url = url;
    this.#options = options;
  }

  /** @returns {Promise<WebSocket>} */
  #open() {
    this.#opened ??= new Promise((resolve, reject) => {
      const { WebSocket: Socket, token, onState } = this.#options;
      // A page can send no header with a WebSocket: the token goes as a subprotocol, which is never answered.
      const protocols = ['switchyard', ...(token === undefined ? [] : [bearerOf(token)])];
      const socket = new Socket(this.#url, protocols);
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => {
        onState?.('open');
        resolve(socket);
      };
      socket.onmessage = ({ data }) => this.#take(socket, data);
      socket.onerror = () => {}; // it closes then
      socket.onclose = ({ code, reason }) => {
        this.#opened = undefined;
        const why = reason ? `: ${reason}` : '';
        reject(new RpcError(kConnection, `${this.#url} can not be reached (${code}${why})`, { sent: false }));
        this.#fail(new RpcError(kConnection, `the connection to ${this.#url} has ended (${code}${why})`));
        onState?.('closed');
      };
    });
    return this.#opened;
  }

  /** @param {Error} error */
  #fail(error) {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of all) reject(error);
  }

  /**
   * @param {WebSocket} socket
   * @param {string|ArrayBuffer} data
   */
  #take(socket, data) {
    /** @type {Message} */
    let message;
    try {
      const decoded = typeof data === 'string' ? decodeText(data) : decodeFrame(data);
      if (decoded === null || typeof decoded !== 'object') throw new Error('it is no object');
      message = decoded;
    } catch (error) {
      this.#fail(new RpcError(kProtocol, `${this.#url} sent what is no message: ${error.message}`));
      socket.close();
      return;
    }
    const { id, method, params, result, error } = message;
    if (method === '$/progress') {
      const { token, ...progress } = params ?? {};
      this.#waiting.get(Number(token))?.onProgress?.(/** @type {import('./index.js').Progress} */ (progress));
    } else if (method !== undefined) {
      this.#options.onEvent?.(/** @type {{ subscription: string }} */ (params ?? {}));
    } else if (id === null && error) {
      this.#fail(asRpcError(error)); // it could not read what we sent
    } else {
      const waiting = this.#waiting.get(Number(id));
      this.#waiting.delete(Number(id));
      if (error) waiting?.reject(asRpcError(error));
      else waiting?.resolve(result);
    }
  }

  /**
   * @param {string} method
   * @param {object} params
   * @param {{ signal?: AbortSignal, onProgress?: CallOptions['onProgress'], meta: object }} options
   * @returns {Promise<unknown>}
   */
  async call(method, params, { signal, onProgress, meta }) {
    if (this.#isClosed) throw new RpcError('ERR_CLOSED', 'this client is closed');
    if (signal?.aborted) throw canceled(signal);
    const id = ++this.#last;
    const _meta = { ...meta, ...(onProgress ? { progressToken: id } : {}) };
    const withMeta = Object.keys(_meta).length ? { ...params, _meta } : params;
    const frame = encodeFrame({ jsonrpc: '2.0', id, method, params: withMeta });
    const socket = await this.#open();
    if (signal?.aborted) throw canceled(signal);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.delete(id);
        if (socket.readyState === 1)
          socket.send(JSON.stringify({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id } }));
        reject(canceled(signal));
      };
      const done = () => signal?.removeEventListener('abort', onAbort);
      this.#waiting.set(id, {
        resolve: (result) => {
          done();
          resolve(result);
        },
        reject: (error) => {
          done();
          reject(error);
        },
        onProgress,
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      if (socket.readyState === 1) socket.send(frame);
      else this.#fail(new RpcError(kConnection, `the connection to ${this.#url} has ended`));
    });
  }

  async close() {
    this.#isClosed = true;
    const opened = this.#opened;
    if (!opened) return;
    const socket = await opened.catch(() => undefined);
    if (!socket || socket.readyState === 3) return;
    await new Promise((resolve) => {
      socket.addEventListener('close', resolve, { once: true });
      socket.close(1000);
    });
  }
}

module.exports = { SocketDoor };
