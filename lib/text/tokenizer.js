// Texts as token ids, and back. The work is done in src/text, on libuv's threads; here texts are handed over, a piece
// at a time, so that the event loop has its turns.
'use strict';
const { setImmediate } = require('node:timers');
const { native } = require('../addon');
const { GPUError, invalid, nowMs, refuseUnknownKeys, show } = require('../core');
const { nextId, track, checkWaiting } = require('../call');

/** @typedef {import('../addon/native').LoadedTokenizer} LoadedTokenizer */
/** @typedef {import('../addon/native').NativeTexts} NativeTexts */
/**
 * @typedef {object} EncodeOptions
 * @property {readonly string[]} [pairs] a second text for each
 * @property {number} [maxLength] tokens of a text, with special ones; left out: what the file says
 * @property {boolean} [truncate] true; false: a text that is too long is an error
 * @property {boolean} [addSpecial] true
 * @property {boolean} [spans] false
 * @property {AbortSignal} [signal]
 * @property {number} [timeout] ms, from the call on
 */
/**
 * @typedef {object} Encoded
 * @property {Int32Array} ids of all texts, one after the other
 * @property {Int32Array} typeIds 0, and 1 for what the tokenizer counts as the second text
 * @property {Int32Array} offsets where the tokens of each text begin, and where the last one's end
 * @property {boolean[]} truncated of each text
 * @property {Int32Array} [spans] where each token begins and ends in its text, in UTF-16 units; 0, 0 for special ones
 */

// What an event loop copies in one go: under a millisecond.
const kPieceUnits = 128 << 10;
const kPieceTexts = 2048;
const kMostIds = 2 ** 26; // that a tokenizer reads at once
const kEncodeKeys = new Set(['pairs', 'maxLength', 'truncate', 'addSpecial', 'spans', 'signal', 'timeout']);
const kCountKeys = new Set(['signal']);

/** A turn of the event loop. */
function turn() {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** @typedef {() => void} CheckWanted throws where nobody waits any longer */

/**
 * Of a call whose texts are copied in many turns.
 * @param {{ signal?: AbortSignal, timeout?: number }} options
 * @returns {{ check: CheckWanted, left: () => number }}
 */
function deadlineOf({ signal, timeout = Infinity }) {
  const deadline = nowMs() + timeout;
  const left = () => deadline - nowMs();
  const check = () => {
    checkWaiting({ signal });
    if (left() > 0) return;
    const error = new GPUError(
      'ERR_TIMEOUT',
      `the texts were not tokenized within ${Number(timeout.toPrecision(3))} ms`,
    );
    error.released = Promise.resolve();
    throw error;
  };
  return { check, left };
}

/**
 * @param {string} text a long one
 * @param {NativeTexts} batch
 * @param {CheckWanted} check
 */
async function copyLong(text, batch, check) {
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + kPieceUnits, text.length);
    // Between the two halves of a character there is no cut.
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) --end;
    batch.append(text.slice(at, end), end === text.length);
    at = end;
    await turn();
    check();
  }
}

/**
 * @param {readonly string[]} texts
 * @param {string} name what an error calls them
 * @param {CheckWanted} check
 * @returns {{ count: number, copied: NativeTexts|Promise<NativeTexts> }} at once where there are few
 */
function copyTexts(texts, name, check) {
  if (!Array.isArray(texts)) throw invalid(`${name} is ${show(texts)}, but must be an array of strings`, name);
  const list = [...texts]; // what they are now: it may be a Proxy, have getters, or be changed later
  const batch = new native.TextBatch();
  const copied = list.length && batch.add(list, 0, kPieceUnits, kPieceTexts);
  return { count: list.length, copied: copied === list.length ? batch : copyRest(list, copied, batch, check) };
}

/**
 * @param {string[]} texts
 * @param {number} from
 * @param {NativeTexts} batch
 * @param {CheckWanted} check
 */
async function copyRest(texts, from, batch, check) {
  for (let at = from; at < texts.length;) {
    await turn();
    check();
    const text = texts[at];
    if (typeof text === 'string' && text.length > kPieceUnits) {
      await copyLong(text, batch, check);
      ++at;
    } else {
      at = batch.add(texts, at, kPieceUnits, kPieceTexts);
    }
  }
  return batch;
}

/** @param {EncodeOptions} options */
function checkEncode(options) {
  refuseUnknownKeys(options, kEncodeKeys, 'option', 'options.');
  const { maxLength } = options;
  if (maxLength !== undefined && !(Number.isSafeInteger(maxLength) && maxLength >= 1))
    throw invalid(`maxLength is ${show(maxLength)}, but must be a whole number of tokens from 1 on`, 'maxLength');
  for (const name of /** @type {const} */ (['truncate', 'addSpecial', 'spans'])) {
    if (options[name] !== undefined && typeof options[name] !== 'boolean')
      throw invalid(`${name} is ${show(options[name])}, but must be true or false`, name);
  }
  checkWaiting(options);
}

/** @param {ArrayLike<number>} ids */
function readIds(ids) {
  const length = ids?.length;
  if (typeof ids !== 'object' || !Number.isSafeInteger(length) || length < 0 || length > kMostIds)
    throw invalid(`ids is ${show(ids)}, but must be an array of token ids`, 'ids');
  const numbers = new Float64Array(length);
  for (let i = 0; i < length; ++i) {
    if (typeof ids[i] !== 'number')
      throw invalid(`ids[${i}] is ${show(ids[i])}, but must be a token's id`, `ids[${i}]`);
    numbers[i] = ids[i];
  }
  return numbers;
}

/** A tokenizer.json, ready for use by any number of calls at once. */
class Tokenizer {
  /** @type {import('../addon/native').NativeTokenizer|undefined} */
  #native;

  /** @param {LoadedTokenizer} loaded */
  constructor(loaded) {
    this.#native = loaded.handle;
    /** One more than the largest id. */
    this.vocabularySize = loaded.vocabularySize;
    /** The length that the file itself truncates to, if any. @type {number|undefined} */
    this.maxLength = loaded.maxLength;
    /** How many special tokens are added to a text, and to a pair. */
    this.added = Object.freeze({ one: loaded.addedToOne, pair: loaded.addedToPair });
  }

  /**
   * @param {{ folder?: string, json?: string }} source a folder with a tokenizer.json, or a vocab.txt; or the text of a
   *   tokenizer.json
   * @returns {Promise<Tokenizer>}
   * @throws {GPUError} ERR_NOT_FOUND for a folder with neither, ERR_UNSUPPORTED for what is not known here,
   *   ERR_INVALID_ARGUMENT for what is wrong in itself
   */
  static async load(source) {
    const { folder, json } = source;
    if ((typeof folder === 'string') === (typeof json === 'string'))
      throw invalid(`a tokenizer is loaded from { folder } or from { json }, each a string, not from ${show(source)}`);
    const number = nextId();
    native.loadTokenizer(number, folder, json);
    return track(number, undefined, undefined, (/** @type {LoadedTokenizer} */ loaded) => new Tokenizer(loaded));
  }

  #open() {
    if (!this.#native) throw new GPUError('ERR_CLOSED', 'the tokenizer is closed');
    return this.#native;
  }

  /**
   * @param {readonly string[]} texts
   * @param {EncodeOptions} [options]
   * @returns {Promise<Encoded>}
   * @throws {GPUError} ERR_INVALID_ARGUMENT, also for a text that is too long with `truncate: false`; ERR_CANCELED,
   *   ERR_CLOSED
   */
  async encode(texts, options = {}) {
    this.#open();
    checkEncode(options);
    const { pairs, maxLength = -1, truncate = true, addSpecial = true, spans = false, signal } = options;
    const { check, left } = deadlineOf(options);
    const { count: length, copied: first } = copyTexts(texts, 'texts', check);
    // Where pairs are refused at once, nobody waits for the rest of these.
    if (first instanceof Promise) first.catch(() => {});
    const other = pairs && copyTexts(pairs, 'pairs', check).copied;
    const [batch, second] =
      first instanceof Promise || other instanceof Promise ? await Promise.all([first, other]) : [first, other];
    check();
    const number = nextId();
    this.#open().encode(number, batch, second, maxLength, truncate, addSpecial, spans);
    const waiting = { signal, timeout: left() };
    return track(number, waiting, undefined, (/** @type {ArrayBuffer[]} */ buffers) => {
      const offsets = new Int32Array(buffers[0], 0, length + 1);
      const count = offsets[length];
      const cut = new Uint8Array(buffers[3], 0, length);
      /** @type {Encoded} */
      const encoded = {
        ids: new Int32Array(buffers[1], 0, count),
        typeIds: new Int32Array(buffers[2], 0, count),
        offsets,
        truncated: Array.from(cut, Boolean),
      };
      if (spans) encoded.spans = new Int32Array(buffers[4], 0, 2 * count);
      return encoded;
    });
  }

  /**
   * How many tokens each text has, special ones included, and nothing cut off.
   * @param {readonly string[]} texts
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<number[]>}
   * @throws {GPUError} as encode()
   */
  async count(texts, options = {}) {
    this.#open();
    refuseUnknownKeys(options, kCountKeys, 'option', 'options.');
    checkWaiting(options);
    const { check } = deadlineOf(options);
    const { count: length, copied } = copyTexts(texts, 'texts', check);
    const batch = await copied;
    check();
    const number = nextId();
    this.#open().count(number, batch);
    return track(number, options, undefined, (/** @type {ArrayBuffer[]} */ [buffer]) => {
      const offsets = new Int32Array(buffer, 0, length + 1);
      return Array.from({ length }, (_, i) => offsets[i + 1] - offsets[i]);
    });
  }

  /**
   * @param {ArrayLike<number>} ids
   * @param {{ skipSpecial?: boolean }} [options] true: special tokens are left out
   * @returns {string}
   * @throws {GPUError} ERR_INVALID_ARGUMENT for an id that no token has
   */
  decode(ids, { skipSpecial = true } = {}) {
    return this.#open().decode(readIds(ids), skipSpecial);
  }

  /**
   * @param {ArrayLike<number>} ids
   * @returns {string[]} as the vocabulary writes them
   * @throws {GPUError} ERR_INVALID_ARGUMENT for an id that no token has
   */
  tokens(ids) {
    return this.#open().tokens(readIds(ids));
  }

  /**
   * @param {string} token as the vocabulary writes it
   * @returns {number|undefined}
   * @throws {GPUError} ERR_CLOSED
   */
  idOf(token) {
    return this.#open().idOf(token);
  }

  /** What is under way goes on; its memory is free after that. */
  close() {
    this.#native?.close();
    this.#native = undefined;
  }
}

module.exports = { Tokenizer };
