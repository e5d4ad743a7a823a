// A program's parameter block: from values by name to the bytes that the shader reads, laid out as reflection says.
'use strict';
const { invalid, show, suggestion } = require('../core');
const { typedArrayTag } = require('./tensor');

/** @typedef {import('../addon/native').ProgramParam} ProgramParam */

// Drawing code written by translation from WebGL has a parameter that the engine fills in.
const kHidden = new Set(['sy_viewport']);

/** @type {Record<string, [number, number]>} */
const kRanges = { int: [-(2 ** 31), 2 ** 31 - 1], uint: [0, 2 ** 32 - 1] };

/** @param {ProgramParam} param */
function countOf({ rows, columns, elements }) {
  return rows * columns * (elements || 1);
}

/** @param {ProgramParam} param how the source writes it */
function typeOf({ scalar, rows, columns, elements }) {
  const prefix = scalar === 'float' ? '' : scalar === 'int' ? 'i' : scalar === 'uint' ? 'u' : 'b';
  const type =
    columns > 1 ? `mat${columns}${rows === columns ? '' : `x${rows}`}` : rows > 1 ? `${prefix}vec${rows}` : scalar;
  return elements ? `${type}[${elements}]` : type;
}

/**
 * @param {DataView} view
 * @param {number} at
 * @param {ProgramParam} param
 * @param {unknown} value
 * @param {number} index in the array that was given, -1 for none
 * @param {string} owner
 */
function writeScalar(view, at, param, value, index, owner) {
  const { scalar } = param;
  if (scalar === 'float' && typeof value === 'number') return view.setFloat32(at, value, true);
  if (scalar === 'bool' && (typeof value === 'boolean' || value === 0 || value === 1))
    return view.setUint32(at, value ? 1 : 0, true);
  // A bool of a uniform block is a uint by the time it is reflected: SPIR-V has no other place for it there.
  if (scalar === 'uint' && typeof value === 'boolean') return view.setUint32(at, value ? 1 : 0, true);
  if (
    kRanges[scalar] &&
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value >= kRanges[scalar][0] &&
    value <= kRanges[scalar][1]
  )
    return scalar === 'int' ? view.setInt32(at, value, true) : view.setUint32(at, value, true);
  const must =
    scalar === 'float'
      ? 'a number'
      : scalar === 'bool'
        ? 'true or false'
        : `a whole number from ${kRanges[scalar][0]} to ${kRanges[scalar][1]}`;
  throw refuse(param, `${index < 0 ? '' : `, element ${index}, `}is ${show(value)}, but must be ${must}`, owner);
}

/**
 * @param {ProgramParam} param
 * @param {string} why a comma comes first where it is of one element
 * @param {string} owner
 */
function refuse({ name }, why, owner) {
  return invalid(`${owner}: parameter '${name}'${why.startsWith(',') ? '' : ' '}${why}`);
}

/**
 * @param {DataView} view
 * @param {number} base
 * @param {ProgramParam} param
 * @param {unknown} value
 * @param {string} owner
 */
function writeParam(view, base, param, value, owner) {
  const { rows, columns, elements, offset, arrayStride, matrixStride } = param;
  const count = countOf(param);
  if (count === 1 && !elements && typeof value !== 'object') {
    writeScalar(view, base + offset, param, value, -1, owner);
    return;
  }
  const isBigInt = typeof (/** @type {ArrayLike<unknown>|undefined} */ (value)?.[0]) === 'bigint';
  if (!Array.isArray(value) && (typedArrayTag.call(value) === undefined || isBigInt))
    throw refuse(
      param,
      `is ${show(value)}, but must be ` +
        (count === 1 && !elements ? `a ${typeOf(param)}` : `an array of ${count} numbers (${typeOf(param)})`),
      owner,
    );
  const list = /** @type {ArrayLike<unknown>} */ (value);
  if (list.length !== count)
    throw refuse(
      param,
      `has ${list.length} value${list.length === 1 ? '' : 's'}, but ${typeOf(param)} takes ${count}`,
      owner,
    );
  let from = 0;
  for (let element = 0; element < (elements || 1); ++element)
    for (let column = 0; column < columns; ++column)
      for (let row = 0; row < rows; ++row)
        writeScalar(
          view,
          base + offset + element * arrayStride + column * matrixStride + 4 * row,
          param,
          list[from],
          from++,
          owner,
        );
}

/**
 * Writes every parameter of a program to bytes[at..]. Vectors, matrices (column by column) and arrays are arrays or
 * typed arrays with exactly their number of values.
 * @param {readonly ProgramParam[]} params
 * @param {unknown} values by name
 * @param {Uint8Array} bytes zeros at first
 * @param {number} at
 * @param {string} owner
 * @param {string} [place] the argument that they are
 * @param {readonly string[]} [unused] may be left out
 */
function writeParams(params, values, bytes, at, owner, place = 'params', unused = undefined) {
  if (!params.length) return;
  const given = /** @type {Record<string, unknown>|null|undefined} */ (values);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const param of params) {
    if (kHidden.has(param.name)) continue;
    try {
      const value = given?.[param.name];
      if (value === undefined || value === null) {
        if (unused?.includes(param.name)) continue;
        throw refuse(param, `(${typeOf(param)}) is missing`, owner);
      }
      writeParam(view, at, param, value, owner);
    } catch (error) {
      error.argument = `${place}.${param.name}`;
      throw error;
    }
  }
}

/**
 * @param {readonly ProgramParam[]} params
 * @param {unknown} values
 * @param {string} owner
 */
function checkParamNames(params, values, owner) {
  if (values === undefined || values === null) return;
  if (typeof values !== 'object')
    throw invalid(`${owner}: params is ${show(values)}, but must be an object of values by name`, 'params');
  for (const name in values)
    if (!params.some((param) => param.name === name))
      throw invalid(`${owner}: unknown parameter '${name}'${suggestion(name, visible(params))}`, `params.${name}`);
}

/** @param {readonly ProgramParam[]} params */
function visible(params) {
  return params.filter(({ name }) => !kHidden.has(name)).map(({ name }) => name);
}

module.exports = { writeParams, checkParamNames, visible, typeOf, countOf };
