// A batch of texts in pieces of so many tokens, and their rows put together again.
'use strict';
const { timingsOf } = require('../call');

/** @typedef {import('./plan').Batch} Batch */
/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('../index').TensorData} TensorData */
/** @typedef {import('../index').Timings} Timings */
/** @typedef {{ rows: Tensor, timings: Timings }} Result */

/**
 * @param {Batch} batch of at least one text
 * @param {number} budget tokens that a piece has at most, unless one text has more
 * @returns {Batch[]}
 */
function piecesOf({ ids, typeIds, offsets }, budget) {
  const count = offsets.length - 1;
  const pieces = [];
  for (let first = 0; first < count;) {
    let end = first + 1;
    while (end < count && offsets[end + 1] - offsets[first] <= budget) ++end;
    const [from, to] = [offsets[first], offsets[end]];
    pieces.push({
      ids: ids.slice(from, to),
      typeIds: typeIds.slice(from, to),
      offsets: offsets.slice(first, end + 1).map((offset) => offset - from),
    });
    first = end;
  }
  return pieces;
}

/**
 * @param {Result[]} results of pieces, in their order
 * @returns {Result} what they took together; `queued`: until the first was begun
 */
function joinRows(results) {
  if (results.length === 1) return results[0];
  const [{ rows: first }] = results;
  const width = first.shape[1];
  const count = results.reduce((sum, { rows }) => sum + rows.shape[0], 0);
  const Data = /** @type {new (length: number) => TensorData} */ (first.data.constructor);
  const data = /** @type {Float32Array} */ (new Data(count * width));
  let at = 0;
  for (const { rows } of results) {
    data.set(/** @type {Float32Array} */ (rows.data), at);
    at += rows.data.length;
  }
  const sum = (/** @type {keyof Timings} */ name) => results.reduce((total, { timings }) => total + timings[name], 0);
  const queued = Math.min(...results.map(({ timings }) => timings.queued));
  const spent = timingsOf(queued, sum('switch'), sum('upload'), sum('compute'), sum('readback'), sum('total'));
  return { rows: { data, shape: [count, width], dtype: first.dtype }, timings: spent };
}

module.exports = { piecesOf, joinRows };
