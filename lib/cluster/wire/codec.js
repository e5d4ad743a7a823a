// How messages are written, read and checked: what is not of its shape is a ProtocolError, which ends the connection.
'use strict';
const { ProtocolError, isObject, checkShape, checkNumbers } = require('./shapes');
const { toMember, events, toCoordinator, handshake, error } = require('./messages');
const {
  kAsk,
  kDone,
  kResult,
  kText,
  kTypeAt,
  text: words,
  ask,
  output,
  done,
  result,
  fromMember,
  fromExecutor,
  fromCoordinator,
  readText,
  withText,
} = require('./protocol');

/** @typedef {import('./messages').ToMember} ToMember */
/** @typedef {import('./messages').ToCoordinator} ToCoordinator */
/** @typedef {import('./messages').Hello|import('./messages').Welcome|import('./messages').Refused} Handshake */

/** @param {ToMember} message */
function encodeToMember(message) {
  return withText(kText, words, JSON.stringify(message));
}

/** @param {ToCoordinator} message */
function encodeToCoordinator(message) {
  return withText(kText, words, JSON.stringify(message));
}

/**
 * The words of a message that was checked by its numbers.
 * @param {Float64Array} numbers
 * @param {number} at
 * @param {number} bytes
 * @returns {unknown}
 */
function parse(numbers, at, bytes) {
  try {
    return JSON.parse(readText(numbers, at, bytes));
  } catch (failed) {
    throw new ProtocolError(`a message is not JSON: ${failed.message}`);
  }
}

/**
 * @param {Float64Array} numbers
 * @param {number} at of the message
 * @returns {ToMember}
 * @throws {ProtocolError}
 */
function decodeToMember(numbers, at) {
  /** @type {ToMember} */
  const message = checkShape(parse(numbers, at + words.text, numbers[at + words.textBytes]), toMember);
  if (message.type === 'event' && !events[message.name](message.event))
    throw new ProtocolError(`in a message 'event' the event '${message.name}' has other fields than it must have`);
  return message;
}

/**
 * @param {Float64Array} numbers
 * @param {number} at of the message
 * @returns {ToCoordinator}
 * @throws {ProtocolError}
 */
function decodeToCoordinator(numbers, at) {
  return checkShape(parse(numbers, at + words.text, numbers[at + words.textBytes]), toCoordinator);
}

/**
 * The error that a job has failed with, out of its 'done' or 'result'.
 * @param {Float64Array} numbers
 * @param {{ textBytes: number, text: number }} places of the message
 * @param {number} at of the message
 * @returns {import('./messages').WireError}
 * @throws {ProtocolError}
 */
function readError(numbers, { textBytes, text }, at) {
  const failed = parse(numbers, at + text, numbers[at + textBytes]);
  if (!error(failed)) throw new ProtocolError('the error of a job has other fields than it must have');
  return failed;
}

/**
 * What has come over Node's own channel, if it is of the handshake: everything else there is the application's.
 * @template {Handshake['type']} Type
 * @param {unknown} message
 * @param {Type} type
 * @returns {Extract<Handshake, { type: Type }>|undefined}
 */
function readHandshake(message, type) {
  if (!isObject(message) || message.type !== type) return undefined;
  const fits = Object.entries(handshake[type]).every(([field, kind]) => kind(message[field]));
  return fits ? /** @type {Extract<Handshake, { type: Type }>} */ (/** @type {unknown} */ (message)) : undefined;
}

/**
 * @param {string} name
 * @param {number} length of the message
 * @param {number} needed
 */
function checkLength(name, length, needed) {
  // what it says it takes may be NaN
  if (!(length >= needed))
    throw new ProtocolError(`a message '${name}' has ${length} numbers, but what it says takes ${needed}`);
}

/**
 * @param {Float64Array} numbers
 * @param {number} at of the message
 * @param {number} length
 * @throws {ProtocolError}
 */
function checkFromMember(numbers, at, length) {
  const type = numbers[at + kTypeAt];
  checkNumbers(fromMember[type], numbers, at, length);
  if (type === kAsk) {
    const outputsAt = ask.body + numbers[at + ask.outputs];
    checkLength('ask', length, outputsAt + 1);
    checkLength('ask', length, outputsAt + 1 + output.numbers * numbers[at + outputsAt]);
  } else if (type === kText) {
    checkLength('text', length, words.text + numbers[at + words.textBytes] / 8);
  }
}

/**
 * @param {Float64Array} numbers
 * @param {number} at of the message
 * @param {number} length
 * @throws {ProtocolError}
 */
function checkFromExecutor(numbers, at, length) {
  const type = numbers[at + kTypeAt];
  checkNumbers(fromExecutor[type], numbers, at, length);
  if (type !== kDone) return;
  checkLength('done', length, done.text + numbers[at + done.textBytes] / 8);
  if (numbers[at + done.code]) readError(numbers, done, at); // before the job is taken out of any book
}

/**
 * @param {Float64Array} numbers
 * @param {number} at of the message
 * @param {number} length
 * @throws {ProtocolError}
 */
function checkFromCoordinator(numbers, at, length) {
  const type = numbers[at + kTypeAt];
  checkNumbers(fromCoordinator[type], numbers, at, length);
  if (type === kResult) {
    checkLength(
      'result',
      length,
      result.text + Math.max(numbers[at + result.shared], numbers[at + result.textBytes] / 8),
    );
    if (numbers[at + result.code]) readError(numbers, result, at);
  } else if (type === kText) checkLength('text', length, words.text + numbers[at + words.textBytes] / 8);
}

module.exports = {
  encodeToMember,
  encodeToCoordinator,
  decodeToMember,
  decodeToCoordinator,
  readError,
  readHandshake,
  checkFromMember,
  checkFromExecutor,
  checkFromCoordinator,
};
