// The values that a test's child writes to a store, known by their number.
'use strict';

/** @param {number} i */
const valueOf = (i) => Buffer.alloc(((i * 7919) % 9000) + 8, `value ${i};`);

module.exports = { valueOf };
