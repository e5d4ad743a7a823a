// What an owner has said, for callers who may do with it what they like.
'use strict';

/**
 * @template T
 * @param {T} value of what JSON has
 * @returns {T}
 */
function copyOf(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return /** @type {T} */ (/** @type {unknown} */ (value.map(copyOf)));
  return /** @type {T} */ (Object.fromEntries(Object.entries(value).map(([name, each]) => [name, copyOf(each)])));
}

module.exports = { copyOf };
