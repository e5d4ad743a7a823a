// How often a test repeats what goes wrong only sometimes.
'use strict';

/** Whether this is `npm run test:full` (tools/test.js sets it): every repetition that the tests have. */
const isFull = process.env.SWITCHYARD_TEST_FULL === '1';

/**
 * The repetitions of a test: few for every change, all of them in the full list.
 * @template T
 * @param {T} quick
 * @param {T} full
 * @returns {T}
 */
const rounds = (quick, full) => (isFull ? full : quick);

module.exports = { rounds };
