// What the processes of a cluster say to each other: numbers, in the places that src/cluster/message.h and
// binding/remote_job.h name.
'use strict';
const { Buffer } = require('node:buffer');
const { layout } = require('../../call');

const kHello = 1,
  kRegion = 2,
  kDrop = 3,
  kAsk = 4,
  kResult = 5,
  kAssign = 6,
  kDone = 7,
  kCancel = 8,
  kText = 9,
  kBye = 11,
  kCopied = 12;

// An ask, from the message's start.
const kResident = 18,
  kAfterResident = kResident + layout.maxTensors;
const ask = {
  number: 2,
  priority: 3,
  deadline: 4,
  kind: 5,
  contextType: 6,
  affinity: 7,
  retries: 8,
  flags: 9,
  workload: 10,
  flops: 11,
  bytes: 12,
  joinKey: 13,
  digest: 14,
  resident: kResident,
  outputs: kAfterResident,
  memory: kAfterResident + 1,
  own: kAfterResident + 2,
  body: kAfterResident + 3,
};
const kCacheFlag = 1;
const done = {
  number: 2,
  code: 3,
  batch: 4,
  switch: 5,
  upload: 6,
  compute: 7,
  readback: 8,
  context: 9,
  textBytes: 10,
  text: 11,
};
// `started`: when the coordinator gave it to its context, ms. A result, from the message's start: an error's text
// follows, or with `shared` the places where an equal job has put its outputs.
const result = {
  number: 2,
  code: 3,
  batch: 4,
  switch: 5,
  upload: 6,
  compute: 7,
  readback: 8,
  member: 9,
  context: 10,
  started: 11,
  attempts: 12,
  cached: 13,
  retryAfter: 14,
  shared: 15,
  textBytes: 16,
  text: 17,
};
const assign = { context: 2, decided: 3, count: 4, jobs: 5 };

const kKinds = /** @type {const} */ (['vector', 'matrix', 'attention', 'search', 'render']);
// 'gpu' is cuda or vulkan: for programs with code for both.
const kContextTypes = /** @type {const} */ (['', 'cuda', 'vulkan', 'cpu', 'gpu']);
/** In the order of src/error.h. */
const kCodes = /** @type {const} */ ([
  'ERR_INVALID_ARGUMENT',
  'ERR_UNKNOWN_WORKLOAD',
  'ERR_UNSUPPORTED',
  'ERR_OUT_OF_MEMORY',
  'ERR_DEVICE_LOST',
  'ERR_COMPILE',
  'ERR_TIMEOUT',
  'ERR_CANCELED',
  'ERR_QUEUE_FULL',
  'ERR_WORKER_LOST',
  'ERR_CLOSED',
  'ERR_INTERNAL',
]);

/** The number a code has in a message: 0 is success. @param {string} code */
function codeNumber(code) {
  return kCodes.indexOf(/** @type {any} */ (code)) + 1 || kCodes.length;
}

/** @type {Record<string, typeof kKinds[number]>} */
const kKindOf = {
  matmul: 'matrix',
  'pca-fit': 'matrix',
  'pca-transform': 'matrix',
  attention: 'attention',
  'similarity-search': 'search',
  'top-k': 'search',
  render: 'render',
};

/**
 * The kind of work a workload is: what decides which devices suit it.
 * @param {any} workload
 * @returns {typeof kKinds[number]}
 */
function kindOf(workload) {
  if (workload.type !== 'graph')
    return (
      kKindOf[workload.type] ??
      (typeof workload.type === 'string' && workload.type.startsWith('render/') ? 'render' : 'vector')
    );
  const kinds = Array.isArray(workload.nodes)
    ? workload.nodes.map((/** @type {any} */ node) => kKindOf[node?.type] ?? 'vector')
    : [];
  return ['attention', 'matrix', 'search'].find((kind) => kinds.includes(kind)) ?? /** @type {any} */ ('vector');
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
 * A message of `length` numbers whose text follows them; textAt - 1 gets the text's bytes.
 * @param {number} type
 * @param {number} textAt
 * @param {string} text
 */
function withText(type, textAt, text) {
  const bytes = Buffer.from(text, 'utf8');
  const numbers = new Float64Array(textAt + Math.ceil(bytes.length / 8));
  numbers[0] = numbers.length;
  numbers[1] = type;
  numbers[textAt - 1] = bytes.length;
  Buffer.from(numbers.buffer).set(bytes, textAt * 8);
  return numbers;
}

/** @param {object} value */
function textMessage(value) {
  return withText(kText, 3, JSON.stringify(value));
}

/**
 * @param {Float64Array} numbers
 * @param {number} at of the message
 * @returns {any}
 */
function readJson(numbers, at) {
  return JSON.parse(readText(numbers, at + 3, numbers[at + 2]));
}

module.exports = {
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
  ask,
  done,
  result,
  assign,
  kCacheFlag,
  kKinds,
  kContextTypes,
  kCodes,
  codeNumber,
  kindOf,
  readText,
  withText,
  textMessage,
  readJson,
};
