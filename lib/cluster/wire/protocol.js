// Messages in numbers: which there are, where what stands in them (src/cluster/messages.def), and the shapes that each
// side checks them by. Those in words are in messages.js.
'use strict';
const { Buffer } = require('node:buffer');
const { kCodes, codeNumber, kKinds, layouts } = require('../../addon');
const { kContextTypes } = require('../../core');

/** @typedef {import('./shapes').NumbersShape} NumbersShape */

/** Counted up with every change of a message: processes that differ in it don't join each other. */
const kProtocol = 13;

const { hello, numbered, text, ask, output, assign, assigned, done, result } = layouts;
const {
  hello: kHello,
  region: kRegion,
  drop: kDrop,
  ask: kAsk,
  result: kResult,
  assign: kAssign,
  done: kDone,
  cancel: kCancel,
  text: kText,
  bye: kBye,
  copied: kCopied,
  lack: kLack,
  withheld: kWithheld,
} = layouts.type;
const { cache: kCacheFlag, lent: kLentFlag } = layouts.askFlags;
/** Numbers: a longer message ends the connection that it comes by. */
const { message: kMaxMessage } = layouts.longest;
// A message begins with its length.
const { type: kTypeAt, numbers: kHeadNumbers } = layouts.head;
const { number: kNumberAt, numbers: kNumberedNumbers } = numbered;

/**
 * A message that says one number.
 * @param {number} type of region, drop, cancel, copied, lack or withheld
 * @param {number} number
 */
function withNumber(type, number) {
  const numbers = begin(type, kNumberedNumbers);
  numbers[kNumberAt] = number;
  return numbers;
}

/**
 * A message of zeros.
 * @param {number} type
 * @param {number} length in numbers
 */
function begin(type, length) {
  const numbers = new Float64Array(length);
  numbers[0] = length;
  numbers[kTypeAt] = type;
  return numbers;
}

/** The end of a connection is meant. */
function sayBye() {
  return begin(kBye, kHeadNumbers);
}

/**
 * The text that stands in a message's numbers.
 * @param {Float64Array} numbers
 * @param {number} at
 * @param {number} bytes
 */
function readText(numbers, at, bytes) {
  return Buffer.from(numbers.buffer, numbers.byteOffset + at * 8, bytes).toString('utf8');
}

/**
 * A message whose text comes last.
 * @param {number} type
 * @param {{ textBytes: number, text: number }} places of the message
 * @param {string} said
 */
function withText(type, places, said) {
  const bytes = Buffer.from(said, 'utf8');
  const numbers = begin(type, places.text + Math.ceil(bytes.length / 8));
  numbers[places.textBytes] = bytes.length;
  Buffer.from(numbers.buffer).set(bytes, places.text * 8);
  return numbers;
}

/** @type {NumbersShape} */
const kTextShape = { name: 'text', length: text.text, whole: [text.textBytes] };
/** @type {NumbersShape} */
const kNumberedShape = { name: 'region, drop, cancel, copied or lack', length: kNumberedNumbers, whole: [kNumberAt] };
/** @type {readonly (NumbersShape|undefined)[]} by type: what a process's event loop sends */
const fromMember = byType({
  [kAsk]: {
    name: 'ask',
    length: ask.body + 1,
    whole: [ask.number, ask.affinity, ask.home, ask.retries, ask.flags, ask.outputs],
    integers: [ask.priority, ask.workload],
    numbers: [ask.deadline, ask.asked, ask.flops, ask.bytes, ask.joinKey, ask.memory, ask.own, ask.rows, ask.mostRows],
    indices: [
      [ask.kind, kKinds.length],
      [ask.contextType, kContextTypes.length],
    ],
  },
  [kRegion]: kNumberedShape,
  [kDrop]: kNumberedShape,
  [kCancel]: kNumberedShape,
  [kCopied]: kNumberedShape,
  [kText]: kTextShape,
});
/** @type {readonly (NumbersShape|undefined)[]} by type: what a process's executor sends */
const fromExecutor = byType({
  [kDone]: {
    name: 'done',
    length: done.text,
    whole: [done.number, done.batch, done.textBytes],
    numbers: [done.switch, done.upload, done.compute, done.readback],
    indices: [[done.code, kCodes.length + 1]],
  },
  [kLack]: kNumberedShape,
});
/** @type {readonly (NumbersShape|undefined)[]} by type: what the coordinator sends to a process's event loop */
const fromCoordinator = byType({
  [kResult]: {
    name: 'result',
    length: result.text,
    whole: [result.number, result.attempts, result.batch, result.shared, result.textBytes],
    integers: [result.member, result.context],
    numbers: [result.switch, result.upload, result.compute, result.readback, result.started],
    indices: [[result.code, kCodes.length + 1]],
  },
  [kRegion]: kNumberedShape,
  [kDrop]: kNumberedShape,
  [kLack]: kNumberedShape,
  [kText]: kTextShape,
});

/**
 * @param {Record<number, NumbersShape>} shapes
 * @returns {(NumbersShape|undefined)[]} found by a number without a string in between
 */
function byType(shapes) {
  const types = Object.values(layouts.type);
  return Array.from({ length: Math.max(...types) + 1 }, (_, type) => shapes[type]);
}

module.exports = {
  kProtocol,
  kHello,
  kRegion,
  kDrop,
  kAsk,
  kResult,
  kAssign,
  kDone,
  kCancel,
  kText,
  kBye,
  kCopied,
  kLack,
  kWithheld,
  kTypeAt,
  kNumberAt,
  hello,
  text,
  ask,
  output,
  assign,
  assigned,
  done,
  result,
  kCacheFlag,
  kLentFlag,
  kMaxMessage,
  kKinds,
  kContextTypes,
  kCodes,
  codeNumber,
  withNumber,
  begin,
  sayBye,
  readText,
  withText,
  fromMember,
  fromExecutor,
  fromCoordinator,
};
