// The package and random data, for tests and for their children.
'use strict';
const gpu = require('../..');

const seed = Number(process.env.SWITCHYARD_TEST_SEED ?? 20240607);

/** Numbers between -1 and 1, the same in every run (SWITCHYARD_TEST_SEED changes them). */
function random(length, salt = 0) {
  let state = (seed + salt * 7919) >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const matrix = (rows, columns, salt) => gpu.tensor(random(rows * columns, salt), [rows, columns]);

module.exports = { gpu, seed, random, matrix };
