// Vectors of the searches: the same in every process.
'use strict';

/** Numbers of a normal distribution. */
function normal(length, seed) {
  let state = seed >>> 0;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Float32Array.from({ length }, () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
}

const queryOf = (dimensions, seed) => normal(dimensions, seed + 77);

/** @param {(ids: number[], vectors: Float32Array, shape: number[]) => Promise<unknown>} add */
async function fill(rows, dimensions, add) {
  const step = 2000;
  for (let at = 0; at < rows; at += step) {
    const count = Math.min(step, rows - at);
    const ids = Array.from({ length: count }, (_, i) => at + i);
    await add(ids, normal(count * dimensions, at + 1), [count, dimensions]);
  }
}

module.exports = { normal, queryOf, fill };
