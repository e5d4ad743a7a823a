// Tensors as JSON has them: numbers, nested or flat, or base64 of their bytes. Every number is looked at.
'use strict';
const { kDTypes, kArrays, kRanges, kMaxRank, checkShape, kHalves } = require('../call');
const { invalid, show, suggestion, refuseUnknownKeys } = require('../core');
const { isObject } = require('./json');

/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('../index').DType} DType */

const kInlineKeys = new Set(['data', 'shape', 'dtype', 'encoding']);
const kPlacedKeys = new Set(['offset', 'shape', 'dtype']);
// What JSON has no numbers for.
/** @type {Record<string, number>} */
const kWords = { NaN, Infinity, '-Infinity': -Infinity };
// Numbers from here on would become infinite.
const kFloat32End = 3.4028235677973366e38;

/**
 * @param {unknown} dtype
 * @param {string} where
 * @returns {DType}
 */
function checkDType(dtype, where) {
  if (dtype === undefined) return 'float32';
  const index = kDTypes.indexOf(/** @type {DType} */ (dtype));
  if (index < 0) throw invalid(`${where} has dtype ${show(dtype)}${suggestion(String(dtype).slice(0, 64), kDTypes)}`);
  return kDTypes[index];
}

/** @param {DType} dtype */
function arrayOf(dtype) {
  return kArrays[kDTypes.indexOf(dtype)];
}

/**
 * The shape that the nesting of the first entries shows.
 * @param {unknown[]} data
 * @param {string} where
 */
function nestingOf(data, where) {
  const shape = [];
  /** @type {unknown} */
  let level = data;
  for (; Array.isArray(level); level = level[0]) {
    if (shape.length === kMaxRank) throw invalid(`${where} has more than ${kMaxRank} axes`);
    shape.push(level.length);
  }
  return shape;
}

/**
 * @param {unknown[]} data
 * @param {readonly number[]} shape
 * @param {number} axis
 * @param {string} where
 * @param {(row: unknown[]) => void} take each innermost row, in order
 */
function eachRow(data, shape, axis, where, take) {
  if (data.length !== shape[axis])
    throw invalid(
      `${where} is ragged: along axis ${axis} it has ${shape[axis]} entries in one place and ${data.length} in another`,
    );
  if (axis === shape.length - 1) return take(data);
  for (const entry of data) {
    if (!Array.isArray(entry)) throw invalid(`${where} is ragged: numbers and arrays stand side by side`);
    eachRow(entry, shape, axis + 1, where, take);
  }
}

/**
 * @param {unknown} value
 * @param {number} index
 * @param {DType} dtype
 * @param {string} where
 */
function refuseNumber(value, index, dtype, where) {
  const range = kRanges[kDTypes.indexOf(dtype)];
  const right = range
    ? `whole numbers from ${range[0]} to ${range[1]}`
    : `numbers of its range, 'NaN', 'Infinity' and '-Infinity'`;
  const found = Array.isArray(value) ? 'an array (the data is ragged)' : show(value);
  return invalid(`${where}, element ${index}, is ${found}, but ${dtype} holds ${right}`);
}

/**
 * @param {{ [index: number]: number }} target a typed array
 * @param {number} at
 * @param {unknown[]} row
 * @param {DType} dtype
 * @param {string} where
 */
function writeRow(target, at, row, dtype, where) {
  const half = kHalves[dtype];
  const whole = kRanges[kDTypes.indexOf(dtype)];
  const [min, max] = whole ?? [-Infinity, Infinity];
  const end = half?.end ?? kFloat32End;
  for (let i = 0; i < row.length; ++i) {
    let value = /** @type {number} */ (row[i]); // or whatever it is: looked at right here
    if (whole) {
      if (!Number.isInteger(value) || value < min || value > max) throw refuseNumber(value, at + i, dtype, where);
    } else if (typeof value !== 'number' || !(value < end && value > -end)) {
      if (typeof value !== 'string' || !Object.hasOwn(kWords, value)) throw refuseNumber(value, at + i, dtype, where);
      value = kWords[value];
    }
    target[at + i] = half ? half.toBits(value) : value;
  }
}

/**
 * @param {unknown[]} data
 * @param {DType} dtype
 * @param {string} where
 */
function fromNumbers(data, dtype, where) {
  const shape = nestingOf(data, where);
  const target = new (arrayOf(dtype))(checkShape(shape, -1, where) && countOf(data, shape));
  let at = 0;
  eachRow(data, shape, 0, where, (row) => {
    writeRow(target, at, row, dtype, where);
    at += row.length;
  });
  return { data: target, shape };
}

/**
 * How many numbers a nested array really has: what is allocated must not follow from its first entries alone.
 * @param {unknown[]} data
 * @param {readonly number[]} shape
 * @returns {number}
 */
function countOf(data, shape) {
  /** @type {unknown[]} */
  let rows = [data];
  for (let axis = 1; axis < shape.length; ++axis) rows = rows.flat();
  return rows.reduce((/** @type {number} */ sum, row) => sum + (Array.isArray(row) ? row.length : 1), 0);
}

/**
 * @param {string} text
 * @param {DType} dtype
 * @param {string} where
 */
function fromBase64(text, dtype, where) {
  const bytes = Buffer.from(text, 'base64');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  // The decoder skips what is not base64: then there are fewer bytes than the text's length says.
  if (text.length % 4 !== 0 || bytes.length !== (text.length / 4) * 3 - padding)
    throw invalid(`${where} is not base64 (with padding)`);
  const kind = arrayOf(dtype);
  if (bytes.length % kind.BYTES_PER_ELEMENT !== 0)
    throw invalid(
      `${where} has ${bytes.length} bytes, which is no whole number of ${dtype} (${kind.BYTES_PER_ELEMENT} bytes each)`,
    );
  const own =
    bytes.buffer.byteLength === bytes.length
      ? bytes.buffer
      : bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return new kind(/** @type {ArrayBuffer} */ (own));
}

/**
 * @param {Record<string, unknown>} entry { data, shape, dtype, encoding }
 * @param {string} where
 * @returns {Tensor}
 */
function readInline(entry, where) {
  refuseUnknownKeys(entry, kInlineKeys, `key of ${where}`);
  const dtype = checkDType(entry.dtype, where);
  const { data: given, encoding, shape } = entry;
  if (encoding !== undefined && encoding !== 'base64')
    throw invalid(`${where} has encoding ${show(encoding)}, but there is only 'base64' (numbers need none)`);
  if (typeof given === 'string') {
    const data = fromBase64(given, dtype, `the data of ${where}`);
    return { data, shape: givenShape(shape, data.length, where) ?? [data.length], dtype };
  }
  if (!Array.isArray(given) || encoding) {
    const right = encoding ? 'a base64 text' : 'an array of numbers or a base64 text';
    throw invalid(`the data of ${where} is ${show(given)}, but must be ${right}`);
  }
  const { data, shape: nesting } = fromNumbers(given, dtype, `the data of ${where}`);
  return { data, shape: givenShape(shape, data.length, where) ?? nesting, dtype };
}

/**
 * @param {unknown} shape
 * @param {number} elements that it must have
 * @param {string} where
 * @returns {number[]|undefined} undefined: none was given
 */
function givenShape(shape, elements, where) {
  if (shape === undefined) return undefined;
  checkShape(shape, elements, where);
  return /** @type {number[]} */ (shape);
}

/**
 * A tensor whose bytes lie behind the header of a binary request.
 * @param {Record<string, unknown>} entry { offset, shape, dtype }
 * @param {Uint8Array} section
 * @param {string} where
 * @returns {Tensor}
 */
function readPlaced({ offset: given, shape, dtype: named }, section, where) {
  const offset = /** @type {number} */ (given);
  const dtype = checkDType(named, where);
  const elements = checkShape(shape, -1, where);
  const kind = arrayOf(dtype);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % 8 !== 0)
    throw invalid(`${where} has offset ${show(offset)}, but must have a multiple of 8`);
  const bytes = elements * kind.BYTES_PER_ELEMENT;
  if (offset + bytes > section.length)
    throw invalid(
      `${where} has shape ${show(shape)}, which takes ${bytes} bytes from offset ${offset}, ` +
        `but there are ${section.length} bytes behind the header`,
    );
  return {
    data: new kind(/** @type {ArrayBuffer} */ (section.buffer), section.byteOffset + offset, elements),
    shape: /** @type {readonly number[]} */ (shape),
    dtype,
  };
}

/**
 * A tensor whose bytes are all that follows the header.
 * @param {unknown} entry { shape, dtype }, and perhaps the offset 0
 * @param {string} where
 * @returns {import('../index').TensorInfo & { bytes: number }}
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT
 */
function checkPlaced(entry, where) {
  if (!isObject(entry)) throw invalid(`${where} is ${show(entry)}, but must be an object { shape, dtype }`);
  refuseUnknownKeys(entry, kPlacedKeys, `key of ${where}`);
  const { offset = 0, shape } = entry;
  const dtype = checkDType(entry.dtype, where);
  const bytes = checkShape(shape, -1, where) * arrayOf(dtype).BYTES_PER_ELEMENT;
  if (offset !== 0) throw invalid(`${where} has offset ${show(offset)}, but it is alone: leave it out, or 0`);
  return { bytes, shape: /** @type {readonly number[]} */ (shape), dtype };
}

/**
 * @param {unknown} entry
 * @param {Uint8Array|undefined} section what stands behind the header of a binary request
 * @param {string} where
 * @returns {Tensor}
 */
function readTensor(entry, section, where) {
  if (Array.isArray(entry)) return readInline({ data: entry }, where);
  if (!isObject(entry))
    throw invalid(`${where} is ${show(entry)}, but must be an array of numbers or an object { data, shape, dtype }`);
  if (entry.offset === undefined) return readInline(entry, where);
  if (!section) throw invalid(`${where} has an offset, which only a binary request can have: give it data`);
  refuseUnknownKeys(entry, kPlacedKeys, `key of ${where}`);
  return readPlaced(entry, section, where);
}

/**
 * Some of a tensor's elements as JSON numbers between commas; what JSON has no number for is a word in quotes.
 * @param {Tensor} tensor
 * @param {number} from
 * @param {number} to
 */
function numbersText({ data, dtype }, from, to) {
  const part = data.subarray(from, to);
  const half = kHalves[dtype];
  const text = half ? Array.from(part, half.fromBits).join(',') : part.join(',');
  return /[NI]/.test(text) ? text.replace(/-?Infinity|NaN/g, '"$&"') : text;
}

module.exports = { readTensor, checkPlaced, numbersText };
