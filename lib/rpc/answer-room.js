// Room for an answer that is large, as every door has to take it: before the work where its size is known by then, so
// that what waits for room holds nothing, and for what it has beyond that once it is there.
'use strict';
const { weightOf } = require('./weight');

/** @typedef {import('./parts').Parts} Parts */
/** @typedef {import('./call').Call} Call */

/**
 * Waits for room, which goes back with the end of the answer.
 * @param {Pick<Parts, 'gate'|'config'>} parts
 * @param {Call} call
 * @param {number} bytes about, of the whole answer
 * @throws {import('../exchange').HttpError|import('../core').GPUError} (rejects with) ERR_QUEUE_FULL,
 *   ERR_TOO_MANY_ANSWERS: there was none in time; ERR_CANCELED
 */
async function takeRoom({ gate, config }, call, bytes) {
  const { answerWish } = require('../exchange');
  const wish = answerWish(bytes - call.roomBytes, call.caller.client, config);
  if (!wish) return;
  const pass = await gate.enter(wish, call.signal);
  call.roomBytes = bytes;
  call.afterwards(() => pass.leave());
}

/**
 * For what an answer weighs, where that is more than was thought.
 * @param {Pick<Parts, 'gate'|'config'>} parts
 * @param {Call} call
 * @param {object} result
 */
async function takeRoomFor(parts, call, result) {
  if (!call.hasRoom) await takeRoom(parts, call, weightOf(result));
}

module.exports = { takeRoom, takeRoomFor };
