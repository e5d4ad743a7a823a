// Answers and notifications as bytes: JSON text in pieces, or one binary frame of docs/http.md with the message as its
// header.
'use strict';
const { aligned, encodeHead, tensorPieces } = require('../exchange');
const { isTensor, tensorsOf } = require('./tensors');

/** @typedef {import('../index').Tensor} Tensor */

/** @param {unknown} value */
function hasTensors(value) {
  return !tensorsOf(value).next().done;
}

/**
 * A message as JSON, of which tensors are pieces of some size: so a large one can be sent over many turns.
 * @param {unknown} value
 * @param {'base64'} [encoding] of tensors; numbers when left out
 * @returns {Generator<string>}
 */
function* textPieces(value, encoding) {
  if (isTensor(value)) {
    yield* tensorPieces(value, encoding);
  } else if (!hasTensors(value)) {
    yield JSON.stringify(value);
  } else if (Array.isArray(value)) {
    let before = '[';
    for (const each of value) {
      yield before;
      before = ',';
      yield* textPieces(each, encoding);
    }
    yield ']';
  } else {
    let before = '{';
    for (const [name, each] of Object.entries(/** @type {object} */ (value))) {
      if (each === undefined) continue;
      yield `${before}${JSON.stringify(name)}:`;
      before = ',';
      yield* textPieces(each, encoding);
    }
    yield '}';
  }
}

/**
 * The same as one frame: tensors lie behind the header, which has { shape, dtype, offset } in their places.
 * @param {unknown} message
 * @returns {Uint8Array[]} pieces that view the tensors' own memory
 */
function framePieces(message) {
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
  return [head, ...pieces];
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

module.exports = { hasTensors, textPieces, framePieces };
