// What is still to be removed once a document was replaced by a shorter one, noted before that begins: the new passages
// come in one write, those that are left over of the old ones go in another. What a process that ended between the two
// has left is put right by the next one that opens the memory.
'use strict';
const { randomBytes } = require('node:crypto');
const { GPUError } = require('../../core');
const { idOf, idsOf, passageOf } = require('./passages');

/** @typedef {import('./memory').Index} Index */
/** @typedef {{ id: string, from: number, to: number, stamp: string }} Replaced a document, and its passages that go */
/**
 * @typedef {object} Store
 * @property {(key: string) => Promise<Uint8Array|undefined>} get
 * @property {(key: string, value: string) => Promise<unknown>} put
 * @property {(key: string) => Promise<unknown>} delete
 * @property {(options: { prefix: string }) => Promise<string[]>} list
 */

class Intents {
  #store;
  #prefix;

  /**
   * @param {Store|undefined} store of the memory; without one nothing outlives the process anyway
   * @param {string} prefix of its keys there
   */
  constructor(store, prefix) {
    this.#store = store;
    this.#prefix = `${prefix}/intent/`;
  }

  /**
   * @param {Replaced[]} replaced
   * @returns {Promise<{ done: () => Promise<unknown> }|undefined>}
   */
  async note(replaced) {
    const store = this.#store;
    if (!store) return undefined;
    const key = this.#prefix + randomBytes(9).toString('base64url');
    await store.put(key, JSON.stringify(replaced));
    return { done: async () => store.delete(key) };
  }

  /**
   * Ends what was begun, where the new passages had come; else the old ones stay.
   * @param {Index} index
   */
  async finish(index) {
    const store = this.#store;
    if (!store) return;
    for (let keys = await this.#keys(); keys.length; keys = await this.#keys())
      for (const key of keys) await this.#end(store, key, index);
  }

  /** The next ones, where there are many. */
  async #keys() {
    return this.#store ? this.#store.list({ prefix: this.#prefix }) : [];
  }

  /**
   * @param {Store} store
   * @param {string} key
   * @param {Index} index
   */
  async #end(store, key, index) {
    const text = await store.get(key);
    /** @type {Replaced[]} */
    const replaced = text ? readJson(text, key) : [];
    /** @type {string[]} */
    const leftover = [];
    for (const { id, from, to, stamp } of replaced)
      if ((await stampOf(index, id)) === stamp) leftover.push(...idsOf(id, from, to));
    if (leftover.length) await index.remove(leftover);
    await store.delete(key);
  }
}

/**
 * The call that wrote a document as it is there.
 * @param {Index} index
 * @param {string} id
 */
async function stampOf(index, id) {
  if (!(await index.has(idOf(id, 0)))) return undefined;
  const { metadata } = await index.get([idOf(id, 0)]);
  return passageOf(idOf(id, 0), /** @type {Record<string, unknown>} */ (metadata[0])).stamp;
}

/**
 * @param {Uint8Array} bytes
 * @param {string} key they are kept under
 */
function readJson(bytes, key) {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    throw new GPUError('ERR_DAMAGED', `what the store has under '${key}' is no JSON: ${message}`, { cause: error });
  }
}

module.exports = { Intents, readJson };
