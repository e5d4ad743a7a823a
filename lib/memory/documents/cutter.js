// Documents as passages with their vectors: cut where the model's own tokens say, and embedded; what the model would
// cut all the same, because a passage by itself may have other tokens than within its text, is cut again.
'use strict';
const { invalid } = require('../../core');
const { cutText, passagesOf } = require('./chunker');

/** @typedef {import('../../index').TextModel} TextModel */
/** @typedef {import('../../index').JobOptions} JobOptions */
/** @typedef {import('./chunker').Place} Place */
/** @typedef {import('./chunker').Limits} Limits */
/** @typedef {{ places: Place[], vectors: Float32Array }} Embedded a row for each place */
/** @typedef {{ text: string, spans: Int32Array }} Source */
/** @typedef {{ source: Source, place: Place }} Piece */

const kTokens = 200; // of a passage, unless the model takes less
const kOverlap = 40;
const kLeast = 8; // tokens of a passage

class Cutter {
  #model;
  #prompt;

  /**
   * @param {TextModel} model
   * @param {Limits} limits
   * @param {string|undefined} promptName what goes before each passage
   */
  constructor(model, limits, promptName) {
    this.#model = model;
    this.#prompt = promptName === undefined ? {} : { promptName };
    this.limits = limits;
  }

  /**
   * @param {TextModel} model
   * @param {Partial<Limits>} wanted
   * @param {string|undefined} promptName
   * @returns {Promise<Cutter>}
   */
  static async of(model, wanted, promptName) {
    const prompt = promptName === undefined ? '' : model.prompts[promptName];
    const [around] = await model.count([prompt]);
    const most = model.maxLength - around;
    if (most < kLeast)
      throw invalid(`the model takes ${model.maxLength} tokens of a text, ${around} of them its own: too few`, 'model');
    const { tokens = Math.min(kTokens, most) } = wanted;
    if (tokens > most || tokens < kLeast)
      throw invalid(
        `chunk.tokens is ${tokens}, but must be from ${kLeast} to ${most}: the model takes ${model.maxLength}, ` +
          `${around} of them beside the text`,
        'options.chunk.tokens',
      );
    const { overlap = Math.min(kOverlap, Math.floor(tokens / 5)) } = wanted;
    if (overlap > tokens / 2)
      throw invalid(
        `chunk.overlap is ${overlap}, but must be at most half of the ${tokens} tokens of a passage`,
        'options.chunk.overlap',
      );
    return new Cutter(model, { tokens, overlap }, promptName);
  }

  /**
   * @param {string[]} texts
   * @param {() => JobOptions} rest
   * @param {(i: number, passages: number) => void} check throws where a text has too many, before it was embedded
   * @returns {Promise<Embedded[]>}
   */
  async embed(texts, rest, check) {
    const sources = await this.#tokenize(texts, rest);
    /** @type {Piece[][]} */
    const cut = [];
    for (const [i, source] of sources.entries()) {
      const places = await cutText(source.text, source.spans, this.limits, (passages) => {
        rest();
        check(i, passages);
      });
      check(i, places.length);
      cut.push(places.map((place) => ({ source, place })));
    }
    const rows = await this.#vectors(cut.flat(), rest);
    let at = 0;
    return cut.map(({ length }, text) => {
      const own = rows.slice(at, (at += length)).flat();
      check(text, own.length);
      const vectors = new Float32Array(own.length * this.#model.dimensions);
      for (const [i, { vector }] of own.entries()) vectors.set(vector, i * this.#model.dimensions);
      return { places: own.map(({ place }) => place), vectors };
    });
  }

  /**
   * @param {string[]} texts
   * @param {() => JobOptions} rest
   * @returns {Promise<Source[]>}
   */
  async #tokenize(texts, rest) {
    const { signal } = rest();
    const { offsets, spans } = await this.#model.tokenize(texts, { offsets: true, truncate: false, signal });
    const all = /** @type {Int32Array} */ (spans);
    return texts.map((text, i) => ({ text, spans: ownSpans(all.subarray(2 * offsets[i], 2 * offsets[i + 1])) }));
  }

  /**
   * @param {Piece[]} pieces
   * @param {() => JobOptions} rest
   * @returns {Promise<{ place: Place, vector: Float32Array }[][]>} of each piece one, or what it had to be cut into
   */
  async #vectors(pieces, rest) {
    if (!pieces.length) return [];
    const texts = pieces.map(({ source, place }) => source.text.slice(place.start, place.end));
    const { embeddings, truncated } = await this.#model.embed(texts, { ...rest(), ...this.#prompt });
    const [, d] = embeddings.shape;
    const data = /** @type {Float32Array} */ (embeddings.data);
    const smaller = pieces.map((piece, i) => (truncated[i] ? halves(piece) : []));
    const again = await this.#vectors(smaller.flat(), rest);
    let at = 0;
    return pieces.map(({ place }, i) =>
      smaller[i].length
        ? again.slice(at, (at += smaller[i].length)).flat()
        : [{ place, vector: data.subarray(i * d, (i + 1) * d) }],
    );
  }
}

/**
 * Places of tokens without those of special ones, each beginning no earlier than the one before it.
 * @param {Int32Array} spans
 */
function ownSpans(spans) {
  const own = new Int32Array(spans.length);
  let count = 0,
    begin = 0;
  for (let i = 0; i < spans.length; i += 2) {
    if (spans[i + 1] === 0) continue;
    begin = Math.max(begin, spans[i]);
    own[count++] = begin;
    own[count++] = Math.max(begin, spans[i + 1]);
  }
  return own.subarray(0, count);
}

/**
 * @param {Piece} piece
 * @returns {Piece[]} none where it is one character
 */
function halves({ source, place: { start, end } }) {
  const text = source.text.slice(start, end);
  /** @type {number[]} */
  const spans = [];
  for (let i = 0; i < source.spans.length; i += 2)
    if (source.spans[i] >= start && source.spans[i] < end)
      spans.push(source.spans[i] - start, source.spans[i + 1] - start);
  const tokens = Math.ceil(spans.length / 4);
  const places = [...passagesOf(text, Int32Array.from(spans), { tokens, overlap: 0 })];
  if (places.length > 1)
    return places.map((place) => ({ source, place: { start: start + place.start, end: start + place.end } }));
  // One token: what it is by itself is more.
  const characters = [...text];
  if (characters.length < 2) return [];
  const half = start + characters.slice(0, Math.ceil(characters.length / 2)).join('').length;
  return [
    { source, place: { start, end: half } },
    { source, place: { start: half, end } },
  ];
}

module.exports = { Cutter };
