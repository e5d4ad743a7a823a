// What a finished job gives: its outputs, out of the numbers that the addon leaves, and the fields of a result. Each
// field is named here and nowhere else.
'use strict';
const { layouts } = require('../addon');
const { invalid } = require('../core');
const { scratch, layout } = require('./pending');
const { kDTypes, kArrays } = require('./tensor');

/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('../index').RunResult} RunResult */
/** @typedef {import('../index').GPUResult} GPUResult */
/** @typedef {import('./encode').Memory} Memory */
/** @typedef {import('../addon/native').Buffers} Buffers */

const { dtype: kDTypeAt, rank: kRankAt, extents: kExtentsAt, numbers: slotSize } = layouts.slot;
const { resultCount, resultOutputs } = layout;

/**
 * The outputs of a finished job, from what the addon left in the scratch array.
 * @param {readonly string[]} names
 * @param {Buffers} value
 * @param {Memory[]|undefined} targets
 * @returns {Record<string, Tensor>}
 */
function takeOutputs(names, value, targets) {
  const count = scratch[resultCount];
  /** @type {Record<string, Tensor>} */
  const outputs = {};
  for (let i = 0; i < count; ++i) {
    const buffer = count === 1 ? value : /** @type {(ArrayBuffer|undefined)[]} */ (value)[i];
    const at = resultOutputs + i * slotSize;
    const dtype = scratch[at + kDTypeAt];
    const rank = scratch[at + kRankAt];
    const shape = [];
    for (let axis = 0; axis < rank; ++axis) shape.push(scratch[at + kExtentsAt + axis]);
    /** @type {import('../index').TensorData|undefined} */
    let data = buffer === undefined ? undefined : new kArrays[dtype](/** @type {ArrayBuffer} */ (buffer));
    const target = targets?.[i];
    if (target !== undefined) data = intoTarget(target, shape, data, names[i]);
    outputs[names[i]] = { data: /** @type {import('../index').TensorData} */ (data), shape, dtype: kDTypes[dtype] };
  }
  return outputs;
}

/**
 * An output's target, which the job has written to or what it has made is copied to.
 * @param {Memory} target
 * @param {number[]} shape
 * @param {import('../index').TensorData|undefined} made
 * @param {string} name
 */
function intoTarget(target, shape, made, name) {
  const data = /** @type {import('../index').TensorData} */ (target);
  if (data.length === 0 && !shape.includes(0))
    throw invalid(
      `into '${name}' was transferred or detached while the job used it: its memory belongs to another owner now`,
      `into.${name}`,
    );
  if (made) data.set(made);
  return data;
}

/**
 * Times in ms.
 * @param {number} queued
 * @param {number} switched
 * @param {number} upload
 * @param {number} compute
 * @param {number} readback
 * @param {number} total
 * @returns {import('../index').Timings}
 */
function timingsOf(queued, switched, upload, compute, readback, total) {
  return { queued, switch: switched, upload, compute, readback, total };
}

/**
 * @param {Record<string, Tensor>} outputs
 * @param {string} workloadId
 * @param {string} contextId where it ran
 * @param {import('../index').Backend} contextType
 * @param {string} deviceName
 * @param {import('../index').Timings} timings
 * @returns {RunResult}
 */
function resultOf(outputs, workloadId, contextId, contextType, deviceName, timings) {
  return { outputs, workloadId, contextId, contextType, deviceName, timings };
}

/**
 * A result with what only a cluster knows, which is added to it.
 * @param {RunResult} result
 * @param {number} workerId
 * @param {boolean} cached
 * @param {number} batchSize
 * @param {number} attempts
 * @param {number} cost
 * @returns {GPUResult}
 */
function inCluster(result, workerId, cached, batchSize, attempts, cost) {
  const all = /** @type {GPUResult} */ (result);
  all.workerId = workerId;
  all.cached = cached;
  all.cost = cost;
  all.batchSize = batchSize;
  all.attempts = attempts;
  return all;
}

module.exports = { takeOutputs, timingsOf, resultOf, inCluster };
