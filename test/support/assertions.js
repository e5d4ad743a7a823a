// What must hold, for Jest and for child processes alike: failures that must come, and numbers that must be near.
'use strict';

const assert = require('node:assert/strict');
const { seed } = require('./random-data');

/** The error a promise is rejected with; where a code is given, its code must be that. */
async function failure(promise, code) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    if (code !== undefined) assert.equal(error.code, code, `${error.stack}`);
    return error;
  }
  return assert.fail(
    `it was expected to fail${code ? ` with ${code}` : ''}, but gave ${JSON.stringify(value)?.slice(0, 200)}`,
  );
}

/** Numbers, in any nesting, are near to those expected: off by at most tolerance * (1 + |expected|). */
function expectClose(actual, expected, tolerance = 1e-5, what = 'output') {
  const got = Array.from(actual),
    want = Array.from(expected).flat(Infinity);
  assert.equal(got.length, want.length, `${what}: its length`);
  for (let i = 0; i < want.length; ++i)
    if (!(Math.abs(got[i] - want[i]) <= tolerance * (1 + Math.abs(want[i]))))
      assert.fail(`${what}[${i}] is ${got[i]}, but should be ${want[i]} (seed ${seed})`);
}

module.exports = { assert, failure, expectClose };
