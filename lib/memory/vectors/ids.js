// Ids of vectors, and the vectors themselves, as callers give them.
'use strict';
const { typedArrayTag, tensor } = require('../../call');
const { invalid, show } = require('../../core');

/** @typedef {import('../../index').VectorId} Id */

const wellFormed = /** @type {(this: string) => boolean} */ (
  // Node 20 has it, lib.es2023 does not know it.
  /** @type {unknown} */ (Reflect.get(String.prototype, 'isWellFormed'))
);

/**
 * @param {unknown} ids
 * @param {string} [where]
 * @returns {Id[]}
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT with the position; the addon counts bytes
 */
function checkIds(ids, where = 'ids') {
  if (!Array.isArray(ids))
    throw invalid(`${where} is ${show(ids)}, but must be an array of strings or integers`, where);
  for (let i = 0; i < ids.length; ++i) {
    const id = ids[i];
    if (typeof id === 'string') {
      if (!wellFormed.call(id))
        throw invalid(`${where}: the id at ${i} has half of a surrogate pair, which no UTF-8 has`, where);
    } else if (!Number.isSafeInteger(id)) {
      throw invalid(
        `${where}: the id at ${i} is ${show(id)}, but must be a string of 1 to 512 bytes or a safe integer`,
        where,
      );
    }
  }
  return ids;
}

/**
 * @param {number} length
 * @param {readonly number[]} shape
 * @param {number} dimensions
 * @param {string} where
 */
function checkRows(length, shape, dimensions, where) {
  const columns = shape[shape.length - 1];
  if (shape.length === 0 || shape.length > 2 || columns !== dimensions)
    throw invalid(
      `${where} has shape [${shape.join(', ')}], but the index has ${dimensions} dimensions: give [n, ${dimensions}]` +
        ` or [${dimensions}]`,
      where,
    );
  return { count: length / dimensions, isOne: shape.length === 1 };
}

/**
 * Rows of float32.
 * @param {unknown} value a tensor [n, d] or [d], a Float32Array of whole rows, or nested arrays of numbers
 * @param {number} dimensions
 * @param {string} where
 * @returns {{ data: Float32Array, count: number, isOne: boolean }} isOne: it has no axis of rows
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT
 */
function checkVectors(value, dimensions, where) {
  if (typedArrayTag.call(value) === 'Float32Array') {
    const data = /** @type {Float32Array} */ (value);
    tensor(data); // whose memory must be such as jobs can use
    if (data.length % dimensions !== 0)
      throw invalid(
        `${where} has ${data.length} numbers, which are no rows of the index's ${dimensions} dimensions`,
        where,
      );
    return { data, count: data.length / dimensions, isOne: data.length === dimensions };
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return { data: new Float32Array(0), count: 0, isOne: false };
    const made = tensor(value);
    return {
      data: /** @type {Float32Array} */ (made.data),
      ...checkRows(made.data.length, made.shape, dimensions, where),
    };
  }
  const { data, shape, dtype } = /** @type {Partial<import('../../index').Tensor>} */ (value ?? {});
  if (data === undefined || shape === undefined)
    throw invalid(`${where} is ${show(value)}, but must be a tensor { data, shape, dtype } or a Float32Array`, where);
  const checked = tensor(data, shape, dtype);
  if (checked.dtype !== 'float32')
    throw invalid(`${where} is ${checked.dtype}, but an index takes float32: it makes its codes itself`, where);
  return {
    data: /** @type {Float32Array} */ (checked.data),
    ...checkRows(checked.data.length, checked.shape, dimensions, where),
  };
}

module.exports = { checkIds, checkVectors };
