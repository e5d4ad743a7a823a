// The memory of a job that is split: what it reads is held until its parts hold it, and what they write is one block.
'use strict';
const { holdAgain, isShared, kArrays, kDTypes, product, releaseMemory, sharedArray } = require('../../call');
const { invalid } = require('../../core');

/** @typedef {import('../../call/built-in-call').BuiltInCall} BuiltInCall */
/** @typedef {import('../../addon/native').NativeSplits} NativeSplits */
/** @typedef {import('../../addon/native').NativeSplit} NativeSplit */
/** @typedef {import('../../index').TensorData} TensorData */
/** @typedef {import('../../core').GPUError} GPUError */
/** @typedef {import('./split-result').Output} Output */

/**
 * Shared tensors that a job uses stay until its parts hold them, whatever becomes of them meanwhile.
 * @param {unknown} tensors by name
 * @returns {Record<string, unknown>} the same, each shared one as one of our own
 */
function heldAgain(tensors) {
  return Object.fromEntries(
    Object.entries(/** @type {object} */ (tensors ?? {})).map(([name, value]) => [
      name,
      isShared(value) ? holdAgain(value) : value,
    ]),
  );
}

/**
 * Views of memory are empty once it is released or transferred.
 * @param {BuiltInCall} call
 * @param {NativeSplits} facts
 * @throws {GPUError} ERR_INVALID_ARGUMENT
 */
function refuseGone(call, facts) {
  for (const { name, data, shape } of call.tensors())
    if (data.length === 0 && product(shape))
      throw invalid(
        `${call.type}: input '${name}' was released, transferred or detached before the job began: its memory ` +
          'belongs to another owner now',
        `inputs.${name}`,
      );
  refuseGoneTargets(call, facts);
}

/**
 * @param {BuiltInCall} call
 * @param {NativeSplits} facts
 * @throws {GPUError} ERR_INVALID_ARGUMENT
 */
function refuseGoneTargets({ outputs, targets }, facts) {
  facts.outputs.forEach(({ shape }, i) => {
    const target = /** @type {TensorData|undefined} */ (targets?.[i]);
    if (target?.length === 0 && product(shape))
      throw invalid(
        `into '${outputs[i]}' was transferred or detached while the job used it: its memory belongs to another ` +
          'owner now',
        `into.${outputs[i]}`,
      );
  });
}

/**
 * Nobody gets the outputs of a job that has failed: their memory need not wait to be collected.
 * @param {BuiltInCall} call
 * @param {readonly Output[]} outputs
 * @param {GPUError} error
 */
function releaseMade({ targets }, outputs, { released = Promise.resolve() }) {
  released.then(() => {
    outputs.forEach(({ data }, i) => {
      if (targets?.[i] === undefined) releaseMemory(data.buffer);
    });
  });
}

/**
 * Where the parts write: the caller's own memory, or fresh memory that every process can write to.
 * @param {BuiltInCall} call
 * @param {NativeSplits} facts
 * @param {NativeSplit} split
 * @returns {Output[]}
 */
function outputsOf({ outputs: names, targets }, { outputs }, { merge: how }) {
  return outputs.map(({ dtype, shape }, i) => {
    const given = /** @type {TensorData|undefined} */ (targets?.[i]);
    const length = product(shape);
    const data = given ?? (how === 'rows' ? sharedArray(dtype, length) : new kArrays[dtype](length));
    return { name: names[i], data, shape, dtype: kDTypes[dtype] };
  });
}

module.exports = { heldAgain, refuseGone, refuseGoneTargets, outputsOf, releaseMade };
