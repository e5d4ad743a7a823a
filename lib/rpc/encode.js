// Answers and notifications as bytes: JSON text in pieces, or one binary frame of docs/http.md with the message as its
// header.
'use strict';
const { aligned, encodeHead, kMaxHeader, tensorPieces } = require('../exchange');
const { isTensor, tensorsOf } = require('./tensors');
const { weightOf } = require('./weight');

/** @typedef {import('../index').Tensor} Tensor */

const kWhole = 64 * 1024; // what weighs less is made into text at once, unless it has tensors
const kString = 256 * 1024; // characters of a piece of a text
const kNumbers = 16 * 1024; // entries of a piece of a list
const kMostWhole = 64 * 2 ** 20; // a header that weighs more is not even tried

/** @param {unknown} value */
function hasTensors(value) {
  return !tensorsOf(value).next().done;
}

/**
 * A message as JSON, in pieces of some size: a large one can be sent over many turns, and none is ever longer than a
 * string can be.
 * @param {unknown} value
 * @param {'base64'} [encoding] of tensors; numbers when left out
 * @returns {Generator<string>}
 */
function* textPieces(value, encoding) {
  if (isTensor(value)) {
    yield* tensorPieces(value, encoding);
  } else if (typeof value === 'string') {
    yield* stringPieces(value);
  } else if (value === null || typeof value !== 'object' || (!hasTensors(value) && weightOf(value) < kWhole)) {
    yield JSON.stringify(value);
  } else if (Array.isArray(value)) {
    yield* listPieces(value, encoding);
  } else {
    let before = '{';
    for (const [name, each] of Object.entries(value)) {
      if (each === undefined) continue;
      yield `${before}${JSON.stringify(name)}:`;
      before = ',';
      yield* textPieces(each, encoding);
    }
    yield before === '{' ? '{}' : '}';
  }
}

/**
 * An answer, or those of a batch, each with its tensors as its own request has asked for them.
 * @param {object|object[]} message
 * @param {readonly ('base64'|undefined)[]} encodings of each
 * @returns {Generator<string>}
 */
function* answerPieces(message, encodings) {
  if (!Array.isArray(message)) {
    yield* textPieces(message, encodings[0]);
    return;
  }
  let before = '[';
  for (const [i, each] of message.entries()) {
    yield before;
    before = ',';
    yield* textPieces(each, encodings[i]);
  }
  yield ']';
}

/**
 * @param {string} text
 * @returns {Generator<string>}
 */
function* stringPieces(text) {
  if (text.length <= kString) {
    yield JSON.stringify(text);
    return;
  }
  yield '"';
  // A pair that is cut in two is escaped, half by half, which means the same.
  for (let at = 0; at < text.length; at += kString) yield JSON.stringify(text.slice(at, at + kString)).slice(1, -1);
  yield '"';
}

/**
 * @param {unknown[]} list
 * @param {'base64'} [encoding]
 * @returns {Generator<string>}
 */
function* listPieces(list, encoding) {
  let before = '[';
  for (let at = 0; at < list.length; at += kNumbers) {
    const some = list.slice(at, at + kNumbers);
    if (some.every((each) => typeof each === 'number')) {
      yield before + JSON.stringify(some).slice(1, -1);
      before = ',';
      continue;
    }
    for (const each of some) {
      yield before;
      before = ',';
      yield* textPieces(each === undefined ? null : each, encoding);
    }
  }
  yield before === '[' ? '[]' : ']';
}

/**
 * The same as one frame: tensors lie behind the header, which has { shape, dtype, offset } in their places.
 * @param {unknown} message
 * @returns {Uint8Array[]|undefined} pieces that view the tensors' own memory; undefined: its header would be longer
 *   than one may be, so that it has to be sent as text
 */
function framePieces(message) {
  if (weightOf(message, false) > kMostWhole) return undefined;
  /** @type {Uint8Array[]} */
  const pieces = [];
  let offset = 0;
  const place = (/** @type {Tensor} */ { data, shape, dtype }) => {
    const at = offset;
    pieces.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const padding = aligned(data.byteLength) - data.byteLength;
    if (padding) pieces.push(new Uint8Array(padding));
    offset += data.byteLength + padding;
    return { shape, dtype, offset: at };
  };
  const head = encodeHead(/** @type {object} */ (placed(message, place)));
  return head.readUInt32LE(8) > kMaxHeader ? undefined : [head, ...pieces];
}

/**
 * @param {unknown} value
 * @param {(tensor: Tensor) => object} place
 * @returns {unknown} a copy with placed tensors; what has none is not copied
 */
function placed(value, place) {
  if (isTensor(value)) return place(value);
  if (!hasTensors(value)) return value;
  if (Array.isArray(value)) return value.map((each) => placed(each, place));
  return Object.fromEntries(
    Object.entries(/** @type {object} */ (value)).map(([name, each]) => [name, placed(each, place)]),
  );
}

module.exports = { hasTensors, weightOf, textPieces, answerPieces, framePieces };
