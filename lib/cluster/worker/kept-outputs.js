// The outputs of a kept result as one piece of memory: one behind the other, each at a multiple of kAlignment.
'use strict';
const { kArrays, kDTypes } = require('../../call');

/** @typedef {import('../../index').GPUResult['outputs']} Outputs */
/** @typedef {import('../../result-cache/entry').Entry} Entry */

const kAlignment = 8;
/** @param {number} bytes */
const aligned = (bytes) => Math.ceil(bytes / kAlignment) * kAlignment;

/** @param {readonly number[]} shape */
const lengthOf = (shape) => shape.reduce((product, extent) => product * extent, 1);

/**
 * @param {Outputs} outputs
 * @param {number} most bytes that are kept of one result
 * @returns {Uint8Array|undefined} undefined: it is too large
 */
function packed(outputs, most) {
  const tensors = Object.values(outputs);
  const bytes = tensors.reduce((sum, { data }) => sum + aligned(data.byteLength), 0);
  if (bytes > most) return undefined;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const { data } of tensors) {
    all.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += aligned(data.byteLength);
  }
  return all;
}

/**
 * @param {Entry} entry
 * @param {unknown[]|undefined} targets memory that the caller has given
 * @returns {Outputs} the caller's own
 */
function unpacked({ outputs: kept, data }, targets) {
  /** @type {Outputs} */
  const outputs = {};
  let at = 0;
  for (const [i, { name, dtype, shape }] of kept.entries()) {
    const Data = kArrays[kDTypes.indexOf(dtype)];
    const values = new Data(/** @type {ArrayBuffer} */ (data.buffer), data.byteOffset + at, lengthOf(shape));
    const target = /** @type {import('../../index').TensorData|undefined} */ (targets?.[i]);
    if (target) /** @type {Float32Array} */ (target).set(/** @type {Float32Array} */ (values));
    outputs[name] = { data: target ?? values.slice(), shape: [...shape], dtype };
    at += aligned(values.byteLength);
  }
  return outputs;
}

/**
 * Whether an entry has what its outputs say: whoever can write to a Redis can write a checksum, too.
 * @param {Entry} entry
 */
function isWhole({ outputs, data, made }) {
  if (!Array.isArray(outputs) || typeof made?.contextId !== 'string' || !Number.isFinite(made.cost)) return false;
  let end = 0;
  for (const output of outputs) {
    const { name, dtype, shape } = output ?? {};
    const at = kDTypes.indexOf(dtype);
    const isShape = Array.isArray(shape) && shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0);
    if (typeof name !== 'string' || at < 0 || !isShape) return false;
    const bytes = lengthOf(shape) * kArrays[at].BYTES_PER_ELEMENT;
    if (end + bytes > data.byteLength) return false;
    end = aligned(end + bytes);
  }
  return true;
}

/**
 * Whether memory that the caller has given takes the outputs; what does not is refused where the job is asked for.
 * @param {Entry} entry
 * @param {{ targets?: unknown[] }} call
 */
function fits({ outputs }, { targets }) {
  return outputs.every(({ dtype, shape }, i) => {
    const target = /** @type {import('../../index').TensorData|undefined} */ (targets?.[i]);
    if (!target) return true;
    return target.length === lengthOf(shape) && target instanceof kArrays[kDTypes.indexOf(dtype)];
  });
}

module.exports = { packed, unpacked, isWhole, fits };
