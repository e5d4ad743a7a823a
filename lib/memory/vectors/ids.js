// Ids of vectors, and the vectors themselves, as callers give them; what lasts longer than the call is copied here.
'use strict';
const { typedArrayTag, tensor } = require('../../call');
const { GPUError, invalid, show } = require('../../core');

/** @typedef {import('../../index').VectorId} Id */
/**
 * `isOne`: it has no axis of rows; `isOwn`: made here, of nested arrays.
 * @typedef {{ data: Float32Array, isOwn: boolean, count: number, isOne: boolean }} Rows
 */

const wellFormed = /** @type {(this: string) => boolean} */ (
  // Node 20 has it, lib.es2023 does not know it.
  /** @type {unknown} */ (Reflect.get(String.prototype, 'isWellFormed'))
);

/**
 * @param {unknown} ids
 * @param {string} [where]
 * @returns {Id[]} a copy: the caller's own may be changed as soon as the call has returned
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT with the position; the addon counts bytes
 */
function checkIds(ids, where = 'ids') {
  if (!Array.isArray(ids))
    throw invalid(`${where} is ${show(ids)}, but must be an array of strings or integers`, where);
  const { length } = ids;
  /** @type {Id[]} */
  const checked = new Array(length);
  for (let i = 0; i < length; ++i) {
    const id = (checked[i] = ids[i]); // read once: it may be a getter's
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
  return checked;
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
 * @returns {Rows}
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
    return { data, isOwn: false, count: data.length / dimensions, isOne: data.length === dimensions };
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return { data: new Float32Array(0), isOwn: true, count: 0, isOne: false };
    const made = tensor(value);
    return {
      data: /** @type {Float32Array} */ (made.data),
      isOwn: true,
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
    isOwn: false,
    ...checkRows(checked.data.length, checked.shape, dimensions, where),
  };
}

/**
 * The numbers, in memory that nobody else has: to be called before the caller's own could change.
 * @param {Rows} rows
 * @returns {Float32Array}
 * @throws {import('../../core').GPUError} ERR_OUT_OF_MEMORY
 */
function ownData({ data, isOwn }) {
  if (isOwn) return data;
  try {
    return new Float32Array(data);
  } catch (error) {
    throw new GPUError('ERR_OUT_OF_MEMORY', `there is no memory for a copy of ${data.byteLength} bytes of vectors`, {
      cause: error,
    });
  }
}

module.exports = { checkIds, checkVectors, ownData };
