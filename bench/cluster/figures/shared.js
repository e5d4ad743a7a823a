// What the figures share: targets, sizes of jobs in bytes, and texts.
'use strict';
const { round } = require('../../stats');

const below = (limit) => ({ target: `< ${limit}`, ok: (value) => value < limit });
const above = (limit) => ({ target: `> ${limit}`, ok: (value) => value > limit });
const atMost = (limit) => ({ target: `<= ${limit}`, ok: (value) => value <= limit });
const atLeast = (limit) => ({ target: `>= ${limit}`, ok: (value) => value >= limit });
const none = { target: '', ok: () => null };

const kSmall = 4096,
  kMiddle = 65_536,
  kLarge = 2 ** 20,
  kHuge = 2 ** 24;
const list = (values, digits = 3) => values.map((value) => round(value, digits)).join(' ');
const rounds = (samples, column, key) => list(samples[column].map((it) => it[key]));

function bestOf(samples, column, key) {
  return samples[column].reduce((best, it) => (it[key] < best[key] ? it : best));
}

module.exports = { below, above, atMost, atLeast, none, kSmall, kMiddle, kLarge, kHuge, list, rounds, bestOf };
