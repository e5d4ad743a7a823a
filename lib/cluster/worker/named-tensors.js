// Named tensors, as this process knows them: publishes and looks them up, and keeps what was looked up for as long as
// it is current, so that neither the next look nor a job with it takes a message.
'use strict';
const { checkFreeName, checkTensorName, holdAgain, openSharedTensor, sealedFor } = require('../../call');
const { GPUError, invalid, show, refuseUnknownKeys } = require('../../core');
const { statusPage } = require('../../metrics');

const { inPage } = statusPage;

/** @typedef {import('../../call/shared-tensor').SharedTensor} SharedTensor */
/** @typedef {import('../wire/messages').FoundTensor} FoundTensor */
/** @typedef {import('../wire/messages').TensorHandle} TensorHandle */
/**
 * @typedef {{ type: 'publish', name: string, tensor: TensorHandle, limit?: number, first?: boolean }
 *   | { type: 'lookup'|'unpublish', name: string }} NameQuestion
 */
/**
 * `change`: how often names had changed when it was found to be current.
 * @typedef {{ tensor: SharedTensor, version: number, change: number }} Kept
 */

const kOptions = new Set(['limit']);
/** A version may go between the answer and its opening, where the next one has come: so often in a row, it has not. */
const kTries = 100;

class NamedTensors {
  /** @type {Map<string, Kept>} */
  #kept = new Map();
  /** @type {Map<string, { change: number, answer: Promise<FoundTensor> }>} those that are asked for */
  #asked = new Map();
  #connection;

  /** @param {import('./coordinator-connection').CoordinatorConnection} connection */
  constructor(connection) {
    this.#connection = connection;
  }

  /** How often names have changed; NaN, which equals nothing, where that is not known. */
  get #change() {
    return this.#connection.page?.[inPage.names] ?? NaN;
  }

  /**
   * @param {unknown} name
   * @param {unknown} tensor a SharedTensor, which is sealed; or another, which is copied
   * @param {unknown} options { limit }
   * @returns {Promise<{ name: string, version: number }>}
   */
  async publish(name, tensor, options) {
    return this.#publish(checkFreeName(name), tensor, { limit: limitOf(options) });
  }

  /**
   * The same for a name that has no tensor: one of those that are switchyard's own, which an application can neither
   * give nor take away.
   * @param {string} name
   * @param {SharedTensor|Uint8Array} tensor
   * @returns {Promise<boolean>} false: it has one, which stays
   */
  async publishFirst(name, tensor) {
    const { wasThere = false } = await this.#publish(name, tensor, { first: true });
    return !wasThere;
  }

  /**
   * @param {string} name
   * @param {unknown} tensor
   * @param {{ limit?: number, first?: boolean }} how
   * @returns {Promise<{ name: string, version: number, wasThere?: boolean }>}
   */
  async #publish(name, tensor, how) {
    const sealed = sealedFor(tensor); // before anything is waited for: its owner may let go of it
    try {
      await this.#connection.connected();
      this.#connection.announce();
      return await this.#ask({ type: 'publish', name, tensor: sealed.handle, ...how });
    } finally {
      sealed.release();
    }
  }

  /**
   * @param {unknown} name
   * @returns {Promise<SharedTensor>}
   */
  async lookup(name) {
    const checked = checkTensorName(name);
    if (!this.#current(checked)) await this.#connection.connected();
    for (let tries = 1; ; ++tries) {
      const kept = this.#current(checked);
      try {
        return kept ? holdAgain(kept.tensor) : await this.#find(checked);
      } catch (error) {
        if (error.code !== 'ERR_CLOSED' || this.#connection.isClosed) throw error;
        if (tries === kTries)
          throw new GPUError('ERR_INTERNAL', `each version of tensor '${name}' was gone before it was opened`);
      }
    }
  }

  /**
   * @param {unknown} name
   * @returns {Promise<boolean>}
   */
  async unpublish(name) {
    return this.withdraw(checkFreeName(name));
  }

  /**
   * The same for one of switchyard's own.
   * @param {string} name
   * @returns {Promise<boolean>}
   */
  async withdraw(name) {
    await this.#connection.connected();
    return this.#ask({ type: 'unpublish', name });
  }

  /**
   * @template T
   * @param {NameQuestion} question
   * @returns {Promise<T>}
   */
  #ask(question) {
    return this.#connection.request(question);
  }

  /** @param {string} name */
  #current(name) {
    const kept = this.#kept.get(name);
    return kept && kept.change === this.#change ? kept : undefined;
  }

  /**
   * Asks the coordinator; who comes while it is asked gets the same answer, unless a name has changed since.
   * @param {string} name
   * @returns {Promise<SharedTensor>}
   */
  async #find(name) {
    const now = this.#change;
    let asked = this.#asked.get(name);
    if (asked?.change !== now) {
      asked = { change: now, answer: this.#ask({ type: 'lookup', name }) };
      this.#asked.set(name, asked);
    }
    /** @type {FoundTensor} */
    let found;
    try {
      found = await asked.answer;
    } finally {
      if (this.#asked.get(name) === asked) this.#asked.delete(name);
    }
    const kept = this.#keep(name, found);
    return kept ? holdAgain(kept) : openSharedTensor(found.tensor);
  }

  /**
   * @param {string} name
   * @param {FoundTensor} found whose memory is held
   * @returns {SharedTensor|undefined} undefined: a name has changed since
   */
  #keep(name, { tensor, version, change }) {
    if (change !== this.#change) return undefined; // what this process has heard since, it would not hear again
    let kept = this.#kept.get(name);
    if (kept?.version !== version) {
      const opened = openSharedTensor(tensor);
      kept?.tensor.release();
      kept = { tensor: opened, version, change };
      this.#kept.set(name, kept);
    }
    kept.change = change;
    return kept.tensor;
  }

  /**
   * A name has changed: what it was is not kept any longer.
   * @param {{ name: string, version: number }} event
   */
  onChanged({ name, version }) {
    const kept = this.#kept.get(name);
    if (!kept || kept.version === version) return;
    kept.tensor.release();
    this.#kept.delete(name);
  }

  /** Lets go of what is kept; what was looked up stays its owner's. */
  close() {
    for (const { tensor } of this.#kept.values()) tensor.release();
    this.#kept.clear();
  }
}

/**
 * @param {unknown} options
 * @returns {number|undefined} bytes; undefined: no limit
 */
function limitOf(options) {
  if (options === undefined) return undefined;
  if (options === null || typeof options !== 'object')
    throw invalid(`publish()'s options are ${show(options)}, but must be an object`);
  refuseUnknownKeys(options, kOptions, 'option of publish()');
  const { limit = Infinity } = /** @type {{ limit?: unknown }} */ (options);
  if (limit === Infinity) return undefined; // JSON has no word for it
  if (!Number.isSafeInteger(limit) || Number(limit) < 0)
    throw invalid(`the option limit is ${show(limit)}, but must be a whole number of bytes`, 'options.limit');
  return Number(limit);
}

module.exports = { NamedTensors };
