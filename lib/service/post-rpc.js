// POST /rpc: JSON-RPC 2.0 over HTTP, as JSON or as a binary frame.
'use strict';
const { Section, badRequest, decodeFrame, inTurns, kType, parseJson } = require('../exchange');
const { encoding, Session } = require('../rpc');
const { wantsBinary, sendBytes, sendText } = require('./answer');
const { callerOf } = require('./caller');
const { Delivery } = require('./delivery');
const { signalOf } = require('./gone');
const { checkQuery } = require('./query');

/** @typedef {Awaited<ReturnType<typeof import('./body').readBody>>} Body */
/** @typedef {import('../rpc/json-rpc').Reply} Reply */

/**
 * @param {Buffer} bytes
 * @param {boolean} binary
 * @returns {{ message: unknown, section: Section }}
 */
function readMessage(bytes, binary) {
  if (!binary) return { message: parseJson(bytes, 'the body'), section: new Section(undefined) };
  const { header, section } = decodeFrame(bytes);
  return { message: header, section: new Section(section) };
}

/**
 * @param {import('../rpc/json-rpc').JsonRpc} rpc
 * @param {Buffer} bytes
 * @param {boolean} binary
 * @param {Session} session
 * @returns {Promise<Reply>}
 */
async function answerTo(rpc, bytes, binary, session) {
  /** @type {ReturnType<typeof readMessage>} */
  let read;
  try {
    read = readMessage(bytes, binary);
  } catch (error) {
    return rpc.unreadable(error, session);
  }
  return rpc.receive(read.message, session, read.section);
}

/**
 * POST /rpc.
 * @param {import('./endpoints').Parts} parts
 * @returns {import('./endpoints').Handler}
 */
function postRpc({ rpc, config }) {
  return async (request, reply) => {
    checkQuery(request.query, []);
    const body = /** @type {Body|undefined} */ (request.body);
    if (!body) throw badRequest('the body is missing, but must be a JSON-RPC request');
    const { accept, 'content-type': type } = request.headers;
    const binary = type?.toLowerCase().startsWith(kType) ?? false;
    const delivery = new Delivery(reply, config.answerTimeout);
    const session = new Session(callerOf(request));
    signalOf(reply).addEventListener('abort', () => session.close());
    const answer = await answerTo(rpc, body.content(), binary, session);
    answer.released.then(() => body.release());
    delivery.ended.then(() => answer.end());
    if (answer.message === undefined) return reply.code(204).send();
    delivery.start();
    const { answerPieces, framePieces } = encoding();
    // What no frame has room for is text, whatever was asked for: its content-type says so.
    const frame = wantsBinary(accept, binary) ? framePieces(answer.message) : undefined;
    return frame
      ? sendBytes(reply, delivery, frame)
      : sendText(reply, delivery, inTurns(answerPieces(answer.message, answer.encodings)));
  };
}

module.exports = { postRpc };
