// Tensors: which typed array carries which dtype, what is refused and why, and tensor() itself.
'use strict';
const { types } = require('node:util');
const { native, facts, layouts } = require('../addon');
const { invalid, show, suggestion } = require('../core');
const { kHalves } = require('./halves');

/** @typedef {import('../index').DType} DType */
/** @typedef {import('../index').TensorData} TensorData */

const { rank: kMaxRank } = layouts.limits;
/** In the order of src/dtypes.def: a dtype's number is its place. */
const kDTypes = facts.dtypes.map(({ name }) => name);
/** @typedef {Float32ArrayConstructor|Uint16ArrayConstructor|Int32ArrayConstructor|Uint32ArrayConstructor|
 *   Int8ArrayConstructor|Uint8ArrayConstructor} Constructor */
const kArrays = facts.dtypes.map(
  ({ array }) => /** @type {Record<string, Constructor>} */ (/** @type {unknown} */ (globalThis))[array],
);
/** @type {([min: number, max: number]|undefined)[]} of whole numbers */
const kRanges = facts.dtypes.map(({ kind, bytes }) => {
  if (kind === 'floating') return undefined;
  return kind === 'signed' ? [-(2 ** (8 * bytes - 1)), 2 ** (8 * bytes - 1) - 1] : [0, 2 ** (8 * bytes) - 1];
});

// Works for arrays of every realm (Jest, vm), which instanceof does not.
/** @type {(this: unknown) => string|undefined} */
// @ts-ignore: %TypedArray%.prototype always has it
const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
).get;

// In the order of the dtypes, the usual one first: looked through from the start, which is as quick as a switch.
const kTags = facts.dtypes.flatMap(({ array, alias }) => (alias ? [array, alias] : [array]));
const kTagDTypes = facts.dtypes.flatMap(({ alias }, dtype) => (alias ? [dtype, dtype] : [dtype]));

/**
 * The number of the dtype a kind of typed array carries; -1 when it carries none.
 * @param {string|undefined} tag
 */
function dtypeOfTag(tag) {
  for (let i = 0; i < kTags.length; ++i) if (tag === kTags[i]) return kTagDTypes[i];
  return -1;
}

/**
 * @param {unknown} data what is not a typed array of a dtype
 * @param {string} where
 */
function refuseData(data, where) {
  const tag = typedArrayTag.call(data);
  if (tag === 'Float64Array')
    return invalid(
      `${where} is a Float64Array, but there is no float64: make it a Float32Array with Float32Array.from(data)`,
    );
  if (tag === 'Int16Array')
    return invalid(
      `${where} is an Int16Array, but there is no int16: use an Int32Array, or for the bits of ` +
        'float16 or bfloat16 a Uint16Array',
    );
  if (tag === 'BigInt64Array' || tag === 'BigUint64Array')
    return invalid(`${where} is a ${tag}, but there are no 64-bit integers: use an Int32Array`);
  if (types.isDataView(data)) return invalid(`${where} is a DataView: make a typed array over its buffer`);
  if (types.isAnyArrayBuffer(data))
    return invalid(`${where} is an ArrayBuffer: make a typed array over it, which says what its bytes are`);
  if (Array.isArray(data))
    return invalid(`${where} is a plain array: make a tensor of it with tensor(data, shape, dtype)`);
  const outputs = /** @type {{ outputs?: object }|null|undefined} */ (data)?.outputs;
  if (outputs !== null && typeof outputs === 'object')
    return invalid(
      `${where} is a job's result: give one of its tensors, ` +
        Object.keys(outputs)
          .map((name) => `result.outputs.${name}`)
          .join(' or '),
    );
  return invalid(
    `${where} is ${show(data)}, but must be a tensor { data, shape, dtype }, a typed array or a DeviceTensor`,
  );
}

/**
 * Refuses memory that could change its size or owner under a job.
 * @param {TensorData} data
 * @param {string} where
 * @throws {import('../core/errors').GPUError} ERR_INVALID_ARGUMENT
 */
function checkMemory(data, where) {
  const buffer = /** @type {ArrayBufferLike & { resizable?: boolean }} */ (data.buffer);
  if (buffer.resizable === false && data.length !== 0) return;
  if (types.isSharedArrayBuffer(buffer))
    throw invalid(
      `${where} lies in a SharedArrayBuffer, which another thread could write while a job reads it: ` +
        'copy it with data.slice()',
    );
  if (buffer.resizable)
    throw invalid(
      `${where} lies in a resizable ArrayBuffer, whose memory could go while a job uses it: copy it with data.slice()`,
    );
  if (data.length === 0 && native.isDetached(buffer))
    throw invalid(`${where} is detached: its memory was transferred to another thread`);
}

/**
 * @param {unknown} shape
 * @param {number} length of the data, -1 when nothing is to be compared
 * @param {string} where
 * @returns {number} how many elements it has
 * @throws {import('../core/errors').GPUError} ERR_INVALID_ARGUMENT
 */
function checkShape(shape, length, where) {
  if (!Array.isArray(shape))
    throw invalid(`${where} has shape ${show(shape)}, but a shape is an array of whole numbers, [2, 3] for example`);
  if (shape.length > kMaxRank) throw invalid(`${where} has ${shape.length} axes, but can have at most ${kMaxRank}`);
  let elements = 1;
  for (let axis = 0; axis < shape.length; ++axis) {
    const extent = shape[axis];
    if (!Number.isSafeInteger(extent) || extent < 0)
      throw invalid(
        `${where} has shape ${show(shape)}: axis ${axis} is ${show(extent)}, but must be a whole number of at least 0`,
      );
    elements *= extent;
  }
  if (elements > Number.MAX_SAFE_INTEGER)
    throw invalid(`${where} has shape ${show(shape)}, which is more elements than can be counted (2^53)`);
  if (length >= 0 && elements !== length)
    throw invalid(
      `${where} has shape ${show(shape)}, which takes ${elements} element${elements === 1 ? '' : 's'}, ` +
        `but its data has ${length}`,
    );
  return elements;
}

/**
 * @param {unknown} dtype
 * @param {string} where
 */
function dtypeIndex(dtype, where) {
  const index = kDTypes.indexOf(/** @type {DType} */ (dtype));
  if (index < 0) throw invalid(`${where} has dtype ${show(dtype)}${suggestion(String(dtype), kDTypes)}`);
  return index;
}

/**
 * The number of the dtype that was declared, of data whose kind of typed array usually means another.
 * @param {number} usual
 * @param {unknown} declared
 * @param {string|undefined} tag
 * @param {string} where
 * @throws {import('../core/errors').GPUError} ERR_INVALID_ARGUMENT: that kind does not carry it
 */
function carriedDType(usual, declared, tag, where) {
  const index = dtypeIndex(declared, where);
  const { array, alias } = facts.dtypes[index];
  if (tag === array || tag === alias) return index;
  throw invalid(
    `${where} has dtype '${declared}', but its data is a ${tag}, which is ${kDTypes[usual]}: ` +
      `${declared} is carried by a ${array}`,
  );
}

/**
 * Nested arrays of numbers, flattened; their shape is written into `shape`.
 * @param {unknown[]} data
 * @param {number[]} shape
 * @param {number[]} into
 * @param {number} axis
 * @param {string} where
 */
function flatten(data, shape, into, axis, where) {
  if (axis === shape.length) shape.push(data.length);
  else if (shape[axis] !== data.length)
    throw invalid(
      `${where} is ragged: along axis ${axis} it has ${shape[axis]} entries in one place and ${data.length} in another`,
    );
  if (axis >= kMaxRank) throw invalid(`${where} has more than ${kMaxRank} axes`);
  for (const entry of data) {
    if (Array.isArray(entry)) {
      if (axis === shape.length - 1 && into.length)
        throw invalid(`${where} is ragged: numbers and arrays stand side by side`);
      flatten(entry, shape, into, axis + 1, where);
    } else {
      if (axis !== shape.length - 1) throw invalid(`${where} is ragged: numbers and arrays stand side by side`);
      if (typeof entry !== 'number')
        throw invalid(`${where}, element ${into.length}, is ${show(entry)}, but must be a number`);
      into.push(entry);
    }
  }
}

/**
 * @param {number[]} numbers
 * @param {number} dtype
 */
function arrayOf(numbers, dtype) {
  const range = kRanges[dtype];
  if (range) {
    const [min, max] = range;
    for (let i = 0; i < numbers.length; ++i)
      if (!Number.isInteger(numbers[i]) || numbers[i] < min || numbers[i] > max)
        throw invalid(
          `data, element ${i}, is ${numbers[i]}, but ${kDTypes[dtype]} holds whole numbers from ${min} to ${max}`,
        );
  }
  const half = kHalves[kDTypes[dtype]];
  return kArrays[dtype].from(half ? numbers.map(half.toBits) : numbers);
}

/**
 * Makes and checks a tensor. Numbers in (nested) arrays become float32, or the dtype that is given.
 * @param {unknown} given its elements, row-major: a typed array, which is not copied, or (nested) arrays of numbers
 * @param {readonly number[]} [shape] one axis, or as the arrays are nested, when left out
 * @param {DType} [dtype]
 * @returns {import('../index').Tensor}
 * @throws {import('../core/errors').GPUError} ERR_INVALID_ARGUMENT: the data do not fit the shape or the dtype
 * @example
 * const a = tensor(new Float32Array(6), [2, 3]);
 * const b = tensor([1, 2, 3], undefined, 'int32');
 */
function tensor(given, shape, dtype) {
  let data = /** @type {TensorData} */ (given);
  let tag = typedArrayTag.call(given);
  if (tag === undefined && Array.isArray(given)) {
    /** @type {number[]} */
    const nested = [];
    /** @type {number[]} */
    const numbers = [];
    flatten(given, nested, numbers, 0, 'data');
    data = arrayOf(numbers, dtype === undefined ? 0 : dtypeIndex(dtype, 'the tensor'));
    tag = typedArrayTag.call(data);
    if (shape === undefined) shape = nested;
  }
  let index = dtypeOfTag(tag);
  if (index < 0) throw refuseData(data, 'data');
  if (dtype !== undefined && dtype !== kDTypes[index]) index = carriedDType(index, dtype, tag, 'the tensor');
  checkMemory(data, 'data');
  if (shape === undefined) shape = [data.length];
  checkShape(shape, data.length, 'the tensor');
  return { data, shape: [...shape], dtype: kDTypes[index] };
}

module.exports = {
  tensor,
  typedArrayTag,
  dtypeOfTag,
  checkMemory,
  checkShape,
  refuseData,
  carriedDType,
  kDTypes,
  kArrays,
  kRanges,
  kMaxRank,
};
