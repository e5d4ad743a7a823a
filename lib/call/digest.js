// What makes two jobs equal: a SHA-256 over everything that decides their outputs. A full digest, so that no answer is
// another job's.
'use strict';
const { createHash } = require('node:crypto');
const { setImmediate } = require('node:timers/promises');
const { SharedTensor } = require('./shared-tensor');
const { isProgramJob, describeProgramCall } = require('./program-call');

const kChunkBytes = 256 << 10; // hashed in a turn of the event loop: a fraction of a millisecond

/**
 * @param {import('node:crypto').Hash} hash
 * @param {any} value an input: a tensor or a typed array
 * @returns {Promise<void>|undefined}
 */
function addInput(hash, value) {
  if (value instanceof SharedTensor && value.sealed) {
    hash.update(JSON.stringify(value.handle));
    return undefined;
  }
  const data = value.data ?? value;
  hash.update(
    JSON.stringify([
      value.shape ?? [data.length],
      value.dtype ?? null,
      Object.prototype.toString.call(data),
      data.byteLength,
    ]),
  );
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length <= kChunkBytes) {
    hash.update(bytes);
    return undefined;
  }
  return addSlowly(hash, bytes);
}

/**
 * @param {import('node:crypto').Hash} hash
 * @param {Uint8Array} bytes
 */
async function addSlowly(hash, bytes) {
  for (let at = 0; at < bytes.length; at += kChunkBytes) {
    if (at) await setImmediate();
    hash.update(bytes.subarray(at, at + kChunkBytes));
  }
}

/**
 * Four numbers of 52 bits each.
 * @param {any} workload whose inputs don't change until the job has settled
 * @param {string|undefined} contextType devices differ in the last bits, and whoever asked for one gets its answer
 * @returns {Promise<number[]>}
 */
async function digestOf(workload, contextType) {
  const hash = createHash('sha256');
  if (isProgramJob(workload)) return digestOfProgram(hash, describeProgramCall(workload), contextType);
  const { type, params, nodes, outputs } = workload;
  const sorted = Object.entries(params ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, String(value)]);
  hash.update(JSON.stringify([contextType, type, sorted, nodes, outputs]));
  for (const name of Object.keys(workload.inputs ?? {}).sort()) {
    const value = workload.inputs[name];
    if (value === undefined || value === null) continue;
    hash.update(JSON.stringify(name));
    const slow = addInput(hash, value);
    if (slow) await slow;
  }
  return numbersOf(hash);
}

/**
 * @param {import('node:crypto').Hash} hash
 * @param {import('./program-call').ProgramCall} call
 * @param {string|undefined} contextType
 */
async function digestOfProgram(hash, { handle, block, inputs }, contextType) {
  hash.update(JSON.stringify([contextType, 'program', handle.id, block.length]));
  hash.update(block);
  for (const { kind, name, value } of inputs) {
    hash.update(JSON.stringify([kind, name]));
    const slow = addInput(hash, value);
    if (slow) await slow;
  }
  return numbersOf(hash);
}

/** @param {import('node:crypto').Hash} hash */
function numbersOf(hash) {
  const digest = hash.digest();
  return [0, 1, 2, 3].map((i) => digest.readUIntBE(i * 6, 6) * 16 + (digest[24 + i] >> 4));
}

module.exports = { digestOf };
