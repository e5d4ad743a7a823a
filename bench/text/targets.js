// What the figures share: their targets, and how a ratio of two ways is told.
'use strict';
const { below, atLeast } = require('../cluster/figures/shared');
const { round } = require('../stats');

/** How many times quicker ours is, with both times. */
const ratioOf = (ours, other, { what, describe }) => ({
  value: other / ours,
  detail: `${what}: ${round(ours, 3)} ms, ${round(other, 3)} ms by ${describe}`,
});

module.exports = { below, atLeast, ratioOf };
