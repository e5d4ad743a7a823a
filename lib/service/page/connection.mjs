// The page's way to the service: one WebSocket of lib/client, which is opened again when it has ended, and what it
// subscribes to. The token stays in this tab's session storage, and never stands in an address.
import { Client } from '../../client/index.mjs';

/** What the service tells. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {'connecting'|'open'|'lost'|'refused'} State */

const kKey = 'switchyard-token';
const kFirstMs = 500,
  kMostMs = 10_000; // between two tries
const kOften = { events: ['metrics', 'contexts', 'health'], interval: 1000 };
const kSeldom = { events: ['kept'], interval: 5000 };
const kTold = {
  events: [
    'workload-failed',
    'worker-ready',
    'worker-left',
    'worker-lost',
    'context-lost',
    'memory-pressure',
    'tensor-published',
    'queue-full',
    'alert',
    'budget',
    'degradation',
  ],
};

export class Connection {
  /** @type {Client|undefined} */
  #client;
  #wait = kFirstMs;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;

  /**
   * @param {{ onEvent: (event: string, data: Json) => void, onState: (state: State, why?: string) => void }} hears
   */
  constructor({ onEvent, onState }) {
    this.onEvent = onEvent;
    this.onState = onState;
  }

  /** @returns {string|undefined} */
  get token() {
    return sessionStorage.getItem(kKey) ?? undefined;
  }

  /** @param {string} token another one, which is tried at once; empty: none */
  use(token) {
    if (token) sessionStorage.setItem(kKey, token);
    else sessionStorage.removeItem(kKey);
    this.#client?.close();
    this.#client = undefined;
    this.open();
  }

  /** Connects, and subscribes; tries again until it is refused. */
  async open() {
    clearTimeout(this.#timer);
    this.onState('connecting');
    const { token } = this;
    try {
      // A WebSocket does not say why it was refused: a request does.
      const authorization = token ? { authorization: `Bearer ${token}` } : undefined;
      const { status } = await fetch('/v1/contexts', { headers: authorization });
      if (status === 401 || status === 403) {
        const why = status === 403 ? 'This token may not read.' : token ? 'This token is not valid.' : undefined;
        this.onState('refused', why);
        return;
      }
      await this.#subscribe(token);
      this.#wait = kFirstMs;
      this.onState('open');
    } catch {
      this.#again();
    }
  }

  /** @param {string|undefined} token */
  async #subscribe(token) {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    /** @type {Client} */
    const client = new Client(`${scheme}://${location.host}/ws`, {
      token,
      retries: 0,
      onEvent: (/** @type {Json} */ { events }) => {
        if (this.#client === client) for (const { event, data } of events) this.onEvent(event, data);
      },
      onState: (/** @type {string} */ state) => {
        if (state === 'closed' && this.#client === client) this.#again();
      },
    });
    this.#client = client;
    for (const wish of [kOften, kSeldom, kTold]) await client.call('subscribe', wish);
  }

  #again() {
    this.#client?.close();
    this.#client = undefined;
    this.onState('lost');
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), this.#wait);
    this.#wait = Math.min(kMostMs, this.#wait * 2);
  }

  /**
   * @param {string} method
   * @param {object} [params]
   * @param {object} [options] signal, timeout, onProgress
   * @returns {Promise<Json>}
   */
  async call(method, params, options) {
    if (!this.#client) throw new Error('there is no connection to the server now');
    return this.#client.call(method, params, options);
  }
}
