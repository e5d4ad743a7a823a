// Tensors among params, in the places that a method's row names, and in results, wherever they stand.
'use strict';

/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {Record<string, unknown>} Fields */

const kReferences = 'inputs.*'; // of jobs: an input may be a name instead, { ref }
const kMostDepth = 6; // of a result: what a handler makes is never deeper

/**
 * Reads the tensors of params, each in its place. What can't be one, a text for example, stays.
 * @param {object} params
 * @param {readonly string[]} places names with dots between them, * for any
 * @param {import('../exchange').Section} section
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT, with the place
 */
function readTensors(params, places, section) {
  for (const place of places)
    readPlace(/** @type {Fields} */ (params), place.split('.'), '', section, place === kReferences);
}

/**
 * @param {Fields} holder
 * @param {string[]} names
 * @param {string} where
 * @param {import('../exchange').Section} section
 * @param {boolean} hasNames whether names of tensors may stand here, and stay
 */
function readPlace(holder, [name, ...rest], where, section, hasNames) {
  const names = name === '*' ? Object.keys(holder) : Object.hasOwn(holder, name) ? [name] : [];
  for (const each of names) {
    const value = holder[each];
    const path = where ? `${where}.${each}` : each;
    if (value === null || typeof value !== 'object') continue;
    if (rest.length) {
      if (!Array.isArray(value)) readPlace(/** @type {Fields} */ (value), rest, path, section, hasNames);
    } else if (!hasNames || /** @type {Fields} */ (value).ref === undefined) {
      holder[each] = named(path, () => section.read(value, path));
    }
  }
}

/**
 * @template T
 * @param {string} path
 * @param {() => T} read
 */
function named(path, read) {
  try {
    return read();
  } catch (error) {
    if (error.code === 'ERR_INVALID_ARGUMENT') error.argument = path;
    throw error;
  }
}

/**
 * @param {unknown} value
 * @returns {value is Tensor}
 */
function isTensor(value) {
  return (
    value !== null && typeof value === 'object' && ArrayBuffer.isView(/** @type {{ data?: unknown }} */ (value).data)
  );
}

/**
 * The tensors of a value, wherever they stand.
 * @param {unknown} value
 * @param {number} [depth]
 * @returns {Generator<Tensor>}
 */
function* tensorsOf(value, depth = 0) {
  if (value === null || typeof value !== 'object' || depth > kMostDepth) return;
  if (isTensor(value)) {
    yield value;
  } else if (Array.isArray(value)) {
    if (typeof value[0] !== 'object') return; // numbers and texts, of which there may be many
    for (const each of value) yield* tensorsOf(each, depth + 1);
  } else {
    for (const each of Object.values(value)) yield* tensorsOf(each, depth + 1);
  }
}

module.exports = { readTensors, isTensor, tensorsOf };
