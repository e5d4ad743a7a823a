// Rows that hold NaN or infinities: found by what became of them, since that is less to look at, and named.
'use strict';
const { invalid } = require('../../core');

/** @typedef {import('../../core').GPUError} GPUError */
/** @typedef {import('../../index').Tensor} Tensor */

/**
 * The first row that holds something else than a number.
 * @param {ArrayLike<number>} data float32
 * @param {number} width
 * @returns {number} -1: none
 */
function firstNotFinite(data, width) {
  // x - x is 0 of a number and NaN of anything else; a few sums at a time, which don't wait for each other.
  const rows = width ? data.length / width : 0;
  for (let row = 0, at = 0; row < rows; ++row) {
    const end = at + width;
    let a = 0,
      b = 0,
      c = 0,
      d = 0;
    for (; at + 4 <= end; at += 4) {
      a += data[at] - data[at];
      b += data[at + 1] - data[at + 1];
      c += data[at + 2] - data[at + 2];
      d += data[at + 3] - data[at + 3];
    }
    for (; at < end; ++at) a += data[at] - data[at];
    if (a + b + c + d !== 0) return row;
  }
  return -1;
}

/** The bits of an exponent of all ones: NaN and infinities. */
const kExponents = { float16: 0x7c00, bfloat16: 0x7f80 };

/**
 * The same of rows as they were given.
 * @param {Tensor} rows
 */
function firstBadRow({ data, shape: [, d], dtype }) {
  if (dtype === 'float32') return firstNotFinite(data, d);
  const bits = kExponents[/** @type {keyof typeof kExponents} */ (dtype)];
  return Math.floor(data.findIndex((/** @type {number} */ half) => (half & bits) === bits) / d);
}

/**
 * @param {Tensor} rows
 * @param {number} row
 * @returns {GPUError}
 */
function refuseRow({ data, shape: [, d], dtype }, row) {
  const bits = kExponents[/** @type {keyof typeof kExponents} */ (dtype)];
  const own = data.subarray(row * d, (row + 1) * d);
  const at = own.findIndex((/** @type {number} */ x) => (bits ? (x & bits) === bits : !Number.isFinite(x)));
  if (at < 0)
    return invalid(
      `embeddings, row ${row}: its numbers are so large that what becomes of them is past float32: scale them`,
      `embeddings[${row}]`,
    );
  const what = bits ? 'NaN or infinite' : String(own[at]);
  return invalid(
    `embeddings, row ${row}: element ${at} is ${what}, but rows must hold finite numbers`,
    `embeddings[${row}]`,
  );
}

/**
 * @param {Tensor} rows
 * @throws {GPUError} ERR_INVALID_ARGUMENT
 */
function checkRows(rows) {
  const row = firstBadRow(rows);
  if (row >= 0) throw refuseRow(rows, row);
}

/**
 * Judges rows by what came of them: anything that is no number in a row stays in it, to the end. Of codes the scale is
 * no number then.
 * @param {Tensor} rows
 * @param {Tensor[]} outputs
 * @throws {GPUError} ERR_INVALID_ARGUMENT
 */
function checkMade(rows, outputs) {
  const judged = outputs[outputs.length - 1];
  const row = firstNotFinite(judged.data, judged.shape[1] ?? 1);
  if (row >= 0) throw refuseRow(rows, row);
}

module.exports = { checkRows, checkMade };
