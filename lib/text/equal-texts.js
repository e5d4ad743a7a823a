// Texts under way by what they are: tokens alike give vectors alike, so equal ones need to run but once.
'use strict';

/**
 * Tokenized texts, one behind the other.
 * @typedef {object} Texts
 * @property {Int32Array} ids
 * @property {Int32Array} typeIds
 * @property {Int32Array} offsets [n+1], where each text's tokens begin
 */
/** @typedef {{ texts: Texts, index: number }} Place of a text */

/**
 * @param {Texts} texts
 * @param {number} index
 */
function hashOf({ ids, typeIds, offsets }, index) {
  const end = offsets[index + 1];
  let hash = end - offsets[index];
  for (let i = offsets[index]; i < end; ++i) {
    hash = Math.imul(hash ^ (ids[i] + (typeIds[i] << 24)), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}

/**
 * @param {Place} a
 * @param {Place} b
 */
function areEqual({ texts: a, index: i }, { texts: b, index: j }) {
  const from = a.offsets[i];
  const other = b.offsets[j];
  const count = a.offsets[i + 1] - from;
  if (b.offsets[j + 1] - other !== count) return false;
  for (let k = 0; k < count; ++k)
    if (a.ids[from + k] !== b.ids[other + k] || a.typeIds[from + k] !== b.typeIds[other + k]) return false;
  return true;
}

/**
 * At most one text for each hash: one that meets another's runs by itself.
 * @template {Place & { hash: number }} T
 */
class EqualTexts {
  /** @type {Map<number, T>} */
  #known = new Map();

  /**
   * @param {number} hash
   * @param {Place} place
   * @returns {T|undefined}
   */
  find(hash, place) {
    const known = this.#known.get(hash);
    return known && areEqual(known, place) ? known : undefined;
  }

  /** @param {T} text in the place of whichever had its hash */
  add(text) {
    this.#known.set(text.hash, text);
  }

  /** @param {T} text */
  delete(text) {
    if (this.#known.get(text.hash) === text) this.#known.delete(text.hash);
  }
}

module.exports = { EqualTexts, hashOf };
