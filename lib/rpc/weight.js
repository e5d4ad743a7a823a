// What an answer weighs, before any of it is made into text or bytes.
'use strict';

const kMostDepth = 16; // what a handler makes is never deeper
const kNumber = 8,
  kEntry = 4; // of a list or an object, beside what stands there

/**
 * The bytes that a value holds, about: its tensors', its texts', some for each of all else.
 * @param {unknown} value
 * @param {boolean} [tensors] whether bytes of tensors count
 * @param {number} [depth]
 * @returns {number}
 */
function weightOf(value, tensors = true, depth = 0) {
  if (typeof value === 'string') return value.length;
  if (value === null || typeof value !== 'object' || depth > kMostDepth) return kNumber;
  const { data } = /** @type {{ data?: unknown }} */ (value);
  if (ArrayBuffer.isView(data)) return tensors ? data.byteLength : 0;
  if (Array.isArray(value)) {
    let entries = 0;
    for (const each of value)
      entries += typeof each === 'number' ? kNumber : kEntry + weightOf(each, tensors, depth + 1);
    return entries;
  }
  let sum = 0;
  for (const [name, each] of Object.entries(value))
    if (each !== undefined) sum += kEntry + name.length + weightOf(each, tensors, depth + 1);
  return sum;
}

module.exports = { weightOf };
