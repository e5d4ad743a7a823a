// A model's tokenizer, as the model was trained with it: of texts in lower case, where its files say so. What it tells
// of a text is of the text as it was given.
'use strict';
const { nowMs } = require('../core');
const { Tokenizer } = require('./tokenizer');

/** @typedef {import('./tokenizer').EncodeOptions} EncodeOptions */
/** @typedef {import('./tokenizer').Encoded} Encoded */

const kPieceUnits = 1 << 23; // of copies of a text that are there at once

class ModelTokenizer {
  #tokenizer;
  #lowers;

  /**
   * @param {Tokenizer} tokenizer
   * @param {boolean} lowers whether texts are made lower case before they are tokenized
   */
  constructor(tokenizer, lowers) {
    this.#tokenizer = tokenizer;
    this.#lowers = lowers;
  }

  /**
   * @param {import('./folder').Description} description
   * @returns {Promise<ModelTokenizer>}
   */
  static async load({ tokenizer, lowercase }) {
    return new ModelTokenizer(await Tokenizer.load(tokenizer), lowercase);
  }

  /** One more than the largest id. */
  get vocabularySize() {
    return this.#tokenizer.vocabularySize;
  }

  /**
   * @param {readonly string[]} texts
   * @param {EncodeOptions} options
   * @returns {Promise<Encoded>}
   */
  async encode(texts, options) {
    const { pairs } = options;
    const lowered = this.#cased(texts);
    const encoded = await this.#tokenizer.encode(lowered, { ...options, pairs: pairs && this.#cased(pairs) });
    if (encoded.spans && this.#lowers) mapBack(texts, lowered, encoded);
    return encoded;
  }

  /**
   * One text with each of many. It is copied for each of them: of a long one not all copies are there at once.
   * @param {string} first
   * @param {readonly string[]} others
   * @param {Omit<EncodeOptions, 'pairs'|'spans'> & { most: number }} options `most`: tokens of a pair, beyond which no
   *   more are looked at
   * @returns {Promise<Encoded>}
   */
  async encodePairs(first, others, { most, timeout = Infinity, ...options }) {
    const step = Math.max(1, Math.floor(kPieceUnits / (first.length + 1)));
    const deadline = nowMs() + timeout;
    /** @type {Encoded[]} */
    const pieces = [];
    let from = 0;
    do {
      const pairs = others.slice(from, (from += step));
      const rest = timeout === Infinity ? timeout : Math.max(1e-3, deadline - nowMs());
      const texts = new Array(pairs.length).fill(first);
      pieces.push(await this.encode(texts, { ...options, timeout: rest, pairs }));
    } while (from < others.length && !isLonger(/** @type {Encoded} */ (pieces.at(-1)), most));
    return pieces.length === 1 ? pieces[0] : joined(pieces);
  }

  /**
   * @param {readonly string[]} texts
   * @returns {Promise<number[]>}
   */
  count(texts) {
    return this.#tokenizer.count(this.#cased(texts));
  }

  /** @param {ArrayLike<number>} ids */
  decode(ids) {
    return this.#tokenizer.decode(ids);
  }

  /** @param {ArrayLike<number>} ids */
  tokens(ids) {
    return this.#tokenizer.tokens(ids);
  }

  close() {
    this.#tokenizer.close();
  }

  /** @param {readonly string[]} texts */
  #cased(texts) {
    return this.#lowers ? texts.map((text) => text.toLowerCase()) : texts;
  }
}

/**
 * Whether one of the texts has more tokens.
 * @param {Encoded} encoded
 * @param {number} most
 */
function isLonger({ offsets }, most) {
  return offsets.some((offset, i) => i > 0 && offset - offsets[i - 1] > most);
}

/**
 * @param {readonly Encoded[]} pieces
 * @returns {Encoded}
 */
function joined(pieces) {
  const tokens = pieces.reduce((sum, { ids }) => sum + ids.length, 0);
  const count = pieces.reduce((sum, { truncated }) => sum + truncated.length, 0);
  const ids = new Int32Array(tokens);
  const typeIds = new Int32Array(tokens);
  const offsets = new Int32Array(count + 1);
  let at = 0,
    text = 0;
  for (const piece of pieces) {
    ids.set(piece.ids, at);
    typeIds.set(piece.typeIds, at);
    for (let i = 1; i < piece.offsets.length; ++i) offsets[text + i] = at + piece.offsets[i];
    at += piece.ids.length;
    text += piece.truncated.length;
  }
  return { ids, typeIds, offsets, truncated: pieces.flatMap(({ truncated }) => truncated) };
}

/**
 * Spans in lowered texts as spans in those that were given: 'İ' is two units in lower case.
 * @param {readonly string[]} texts
 * @param {readonly string[]} lowered
 * @param {Encoded} encoded whose spans are changed
 */
function mapBack(texts, lowered, { offsets, spans }) {
  for (const [i, text] of texts.entries()) {
    if (text.length === lowered[i].length) continue;
    const { begins, ends } = unitsOf(text, lowered[i].length);
    const own = /** @type {Int32Array} */ (spans).subarray(2 * offsets[i], 2 * offsets[i + 1]);
    for (let at = 0; at < own.length; at += 2) {
      if (own[at + 1] === 0) continue; // of a special token
      own[at] = begins[own[at]];
      own[at + 1] = ends[own[at + 1]];
    }
  }
}

/**
 * Where the character that a unit of the lowered text belongs to begins in the text, and where one ends that a place
 * between two units is in or behind.
 * @param {string} text
 * @param {number} length lowered
 */
function unitsOf(text, length) {
  const begins = new Int32Array(length + 1).fill(text.length);
  const ends = new Int32Array(length + 1).fill(text.length);
  ends[0] = 0;
  let at = 0,
    to = 0;
  for (const character of text) {
    const until = to + character.toLowerCase().length;
    begins.fill(at, to, until);
    at += character.length;
    ends.fill(at, to + 1, until + 1);
    to = until;
  }
  return { begins, ends };
}

module.exports = { ModelTokenizer };
