// From a result to the bytes of a response: JSON in pieces, so that a large one doesn't hold the event loop, or binary.
'use strict';
const {
  encodeFrame,
  encodeTensorFrame,
  fieldsOf,
  inParts,
  inTurns,
  kPiece,
  kType,
  tensorPieces,
} = require('../exchange');
const { encodePNG } = require('../program');

/** @typedef {import('./delivery').Delivery} Delivery */
/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('../exchange/turn').Result} Result */

const kPng = 'image/png';
const kOnePiece = 256 * 1024; // bytes

/**
 * @param {Result} result
 * @param {'base64'|undefined} encoding
 * @returns {Generator<string>}
 */
function* jsonPieces(result, encoding) {
  yield '{"outputs":{';
  let first = true;
  for (const [name, tensor] of Object.entries(result.outputs)) {
    yield `${first ? '' : ','}${JSON.stringify(name)}:`;
    yield* tensorPieces(tensor, encoding);
    first = false;
  }
  const rest = JSON.stringify(fieldsOf(result)).slice(1);
  yield rest === '}' ? '}}\n' : `},${rest}\n`;
}

/**
 * @param {import('fastify').FastifyReply} reply
 * @param {Delivery} delivery
 * @param {Iterable<string|Uint8Array>|AsyncIterable<string|Uint8Array>} pieces
 */
function sendPieces(reply, delivery, pieces) {
  return reply.send(delivery.streamOf(pieces));
}

/**
 * @param {import('fastify').FastifyReply} reply
 * @param {Delivery} delivery
 * @param {Result} result
 * @param {'base64'|undefined} encoding
 */
function sendJson(reply, delivery, result, encoding) {
  const elements = Object.values(result.outputs).reduce((sum, { data }) => sum + data.length, 0);
  const pieces = jsonPieces(result, encoding);
  reply.type('application/json; charset=utf-8');
  return elements <= kPiece ? reply.send([...pieces].join('')) : sendPieces(reply, delivery, inTurns(pieces));
}

/**
 * @param {import('fastify').FastifyReply} reply
 * @param {Delivery} delivery
 * @param {Result} result
 */
function sendBinary(reply, delivery, result) {
  return sendBytes(reply, delivery, encodeFrame(fieldsOf(result), 'outputs', result.outputs));
}

/**
 * @param {import('fastify').FastifyReply} reply
 * @param {Delivery} delivery
 * @param {Uint8Array[]} pieces
 */
function sendBytes(reply, delivery, pieces) {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  reply.type(kType).header('content-length', length);
  // A small answer travels in one piece; a large one is not copied.
  return length <= kOnePiece ? reply.send(Buffer.concat(pieces, length)) : sendPieces(reply, delivery, inParts(pieces));
}

/**
 * @param {import('fastify').FastifyReply} reply
 * @param {Delivery} delivery
 * @param {AsyncIterable<string>} pieces of JSON
 */
function sendText(reply, delivery, pieces) {
  return sendPieces(reply.type('application/json; charset=utf-8'), delivery, pieces);
}

/**
 * A tensor by itself, as PUT /v1/tensors/<name> takes it.
 * @param {import('fastify').FastifyReply} reply
 * @param {Delivery} delivery
 * @param {Tensor} tensor whose memory is held until the delivery's end
 */
function sendTensor(reply, delivery, tensor) {
  return sendBytes(reply, delivery, encodeTensorFrame(tensor));
}

/**
 * Whether the answer is to be a picture: for what has one, where the client says so.
 * @param {string|undefined} accept
 * @param {Result} result
 */
function wantsPicture(accept = '', result) {
  const { image } = result.outputs; // a graph may call anything so
  return accept.includes(kPng) && image?.dtype === 'uint8' && image.shape.length === 3;
}

/**
 * @param {import('fastify').FastifyReply} reply
 * @param {Delivery} delivery
 * @param {Result} result
 */
async function sendPicture(reply, delivery, result) {
  const bytes = await delivery.reads(encodePNG(result.outputs.image));
  delivery.start(); // what encoding takes is not the client's
  reply.type(kPng).header('content-length', bytes.length);
  return bytes.length <= kOnePiece ? reply.send(bytes) : sendPieces(reply, delivery, inParts([bytes]));
}

/**
 * Whether the answer is to be binary: as Accept says, and else as the request was.
 * @param {string|undefined} accept
 * @param {boolean} binaryRequest
 */
function wantsBinary(accept = '', binaryRequest = false) {
  if (accept.includes(kType)) return true;
  return binaryRequest && !accept.includes('application/json');
}

module.exports = { sendBytes, sendText, sendJson, sendBinary, sendTensor, sendPicture, wantsBinary, wantsPicture };
