// Metadata of vectors: plain JSON objects, kept as their text.
'use strict';
const { GPUError, invalid, show } = require('../../core');

const kMostBytes = 64 << 10;
const kMostDepth = 16;

const wellFormed = /** @type {(this: string) => boolean} */ (
  /** @type {unknown} */ (Reflect.get(String.prototype, 'isWellFormed'))
);

/**
 * @param {unknown} value
 * @param {string} where
 * @param {number} depth
 * @returns {void}
 */
function checkValue(value, where, depth) {
  switch (typeof value) {
    case 'string':
      if (!wellFormed.call(value)) throw invalid(`${where} has half of a surrogate pair`, 'metadata');
      return;
    case 'number':
      if (!Number.isFinite(value)) throw invalid(`${where} is ${value}, which JSON has no word for`, 'metadata');
      return;
    case 'boolean':
    case 'undefined': // as JSON.stringify(): it is not there
      return;
    case 'object':
      if (value === null) return;
      if (depth >= kMostDepth)
        throw invalid(`${where} is more than ${kMostDepth} levels deep, or holds itself`, 'metadata');
      return Array.isArray(value) ? checkArray(value, where, depth) : checkObject(value, where, depth);
    default:
      throw invalid(`${where} is ${show(value)}, but metadata is JSON`, 'metadata');
  }
}

/**
 * @param {unknown[]} array
 * @param {string} where
 * @param {number} depth
 */
function checkArray(array, where, depth) {
  for (let i = 0; i < array.length; ++i) {
    if (array[i] === undefined) throw invalid(`${where}[${i}] is undefined, but metadata is JSON`, 'metadata');
    checkValue(array[i], `${where}[${i}]`, depth + 1);
  }
}

/**
 * @param {object} object
 * @param {string} where
 * @param {number} depth
 */
function checkObject(object, where, depth) {
  // Of any realm: its prototype is Object.prototype's like, or none.
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    throw invalid(`${where} is ${show(object)}, but metadata is plain objects, arrays and values`, 'metadata');
  if (prototype !== null && !Object.hasOwn(prototype, 'hasOwnProperty'))
    throw invalid(`${where} has a prototype of its own, but metadata is plain objects`, 'metadata');
  for (const [key, value] of Object.entries(object)) {
    if (key === '__proto__') throw invalid(`${where} has a key '__proto__', which is refused`, 'metadata');
    if (!wellFormed.call(key)) throw invalid(`${where} has a key with half of a surrogate pair`, 'metadata');
    if (key === 'toJSON' && typeof value === 'function')
      throw invalid(`${where} has a function toJSON, but metadata is plain data`, 'metadata');
    checkValue(value, `${where}.${key}`, depth + 1);
  }
}

/**
 * The JSON of each vector's metadata.
 * @param {unknown} metadata an array: of each vector an object, or undefined
 * @param {number} count
 * @returns {(string|undefined)[]|undefined}
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT
 */
function checkMetadata(metadata, count) {
  if (metadata === undefined) return undefined;
  if (!Array.isArray(metadata))
    throw invalid(`metadata is ${show(metadata)}, but must be an array with an object for each vector`, 'metadata');
  if (metadata.length !== count)
    throw invalid(`metadata has ${metadata.length} entries for ${count} ids: there must be one for each`, 'metadata');
  return Array.from({ length: count }, (_, i) => {
    const each = metadata[i];
    if (each === undefined || each === null) return undefined;
    const where = `metadata[${i}]`;
    if (typeof each !== 'object' || Array.isArray(each))
      throw invalid(`${where} is ${show(each)}, but must be an object`, 'metadata');
    checkValue(each, where, 0);
    const text = JSON.stringify(each);
    if (text.length > kMostBytes || (text.length * 3 > kMostBytes && Buffer.byteLength(text) > kMostBytes))
      throw invalid(`${where} has ${Buffer.byteLength(text)} bytes as JSON, but can have ${kMostBytes}`, 'metadata');
    return text;
  });
}

/**
 * @param {string|undefined} text of checkMetadata(), or what a file has in its place
 * @returns {Record<string, unknown>|undefined}
 * @throws {import('../../core').GPUError} ERR_DAMAGED
 */
function readMetadata(text) {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text);
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new TypeError('it is no object');
    if (/__proto__|\\u/.test(text)) checkValue(value, 'metadata', 0);
    return value;
  } catch (error) {
    throw new GPUError(
      'ERR_DAMAGED',
      `metadata of a stored vector can't be read: ${/** @type {Error} */ (error).message}`,
      {
        cause: error,
      },
    );
  }
}

module.exports = { checkMetadata, readMetadata };
