// Results as JSON text, in pieces, so that a large one doesn't hold the event loop.
'use strict';
const { setImmediate } = require('node:timers/promises');
const { numbersText } = require('./tensors');

/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('./turn').Result} Result */

const kPiece = 16384; // numbers
const kBase64Piece = 48 * 1024; // bytes, a multiple of 3
const kFields = [
  'workloadId',
  'contextId',
  'workerId',
  'contextType',
  'deviceName',
  'cached',
  'batchSize',
  'cost',
  'attempts',
  'parts',
  'timings',
];

/**
 * The fields of the interface, and no others.
 * @param {Result} result
 */
function fieldsOf(result) {
  /** @type {Record<string, unknown>} */
  const all = result;
  return Object.fromEntries(kFields.filter((name) => all[name] !== undefined).map((name) => [name, all[name]]));
}

/**
 * @param {Tensor} tensor
 * @param {'base64'|undefined} encoding
 * @returns {Generator<string>}
 */
function* tensorPieces(tensor, encoding) {
  const { data, shape, dtype } = tensor;
  if (encoding) {
    yield '{"data":"';
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at < bytes.length; at += kBase64Piece)
      yield bytes.toString('base64', at, Math.min(at + kBase64Piece, bytes.length));
    yield `",${JSON.stringify({ encoding, shape, dtype }).slice(1)}`;
    return;
  }
  yield '{"data":[';
  for (let at = 0; at < data.length; at += kPiece) {
    const text = numbersText(tensor, at, Math.min(at + kPiece, data.length));
    yield at ? `,${text}` : text;
  }
  yield `],${JSON.stringify({ shape, dtype }).slice(1)}`;
}

/**
 * The pieces joined to strings of some size, with a turn of the event loop after each.
 * @param {Iterable<string>} pieces
 */
async function* inTurns(pieces) {
  let text = '';
  for (const piece of pieces) {
    text += piece;
    if (text.length < 65536) continue;
    yield text;
    text = '';
    await setImmediate();
  }
  if (text) yield text;
}

const kOnePart = 256 * 1024; // bytes

/**
 * Of large memory a part at a time, so that how much the client has taken is known.
 * @param {Iterable<Uint8Array>} pieces
 */
function* inParts(pieces) {
  for (const piece of pieces)
    for (let at = 0; at < piece.length; at += kOnePart) yield piece.subarray(at, at + kOnePart);
}

module.exports = { kPiece, fieldsOf, tensorPieces, inTurns, inParts };
