// Searches of one index that asked to be kept: the same question is answered from memory until something is written.
'use strict';
const { createHash, randomUUID } = require('node:crypto');

/** @typedef {import('./options').Asked} Asked */
/** @typedef {import('../../index').SearchResults} SearchResults */
/**
 * What keeps values.
 * @typedef {{ recall: <T>(key: string, tag: string, make: () => Promise<T>) => Promise<T>, dropTag: (tag: string) =>
 *   void }} Keeper
 */

class KeptSearches {
  #keeper;
  #tag = `index ${randomUUID()}`;
  #version = 0;

  /** @param {Keeper|undefined} keeper undefined: nothing is kept */
  constructor(keeper) {
    this.#keeper = keeper;
  }

  /** Something was written, or may have been: before its caller hears of it. */
  changed() {
    ++this.#version;
    this.#keeper?.dropTag(this.#tag);
  }

  /**
   * @param {Float32Array} data
   * @param {Asked} asked
   * @param {(asked: Asked) => Promise<SearchResults>} search
   * @returns {Promise<SearchResults>}
   */
  answer(data, asked, search) {
    const { cache, ...job } = asked.job;
    const plain = { ...asked, job };
    if (!cache || !this.#keeper || asked.explain) return search(plain);
    const { k, isRange, threshold, approximate, filter, ids, includeVectors, includeMetadata } = asked;
    // JSON has no word for an infinity.
    const what = [String(k), isRange, String(threshold), approximate, filter, ids, includeVectors, includeMetadata];
    const hash = createHash('sha256').update(JSON.stringify([this.#tag, this.#version, job.contextType, what]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return this.#keeper.recall(hash.digest('base64url'), this.#tag, () => search(plain));
  }
}

module.exports = { KeptSearches };
