// Shapes of what arrives from another process: kinds of fields, and the check of a message against them.
'use strict';
const { layouts } = require('../../addon');
const { show } = require('../../core');

const { type: kTypeAt } = layouts.head;

/**
 * A kind of field: whether a value is of it.
 * @template T
 * @typedef {(value: unknown) => value is T} Kind
 */
/**
 * The fields of an object with their kinds.
 * @template T
 * @typedef {{ [Field in keyof Required<T>]: Kind<T[Field]> }} Fields
 */
/**
 * The fields of a message: its type is what finds the shape.
 * @template Message
 * @typedef {Fields<Omit<Message, 'type'>>} Shape
 */

/** What has arrived is not what the protocol says: its connection ends. */
class ProtocolError extends Error {}
Object.defineProperty(ProtocolError.prototype, 'name', { value: 'ProtocolError' });

/** @type {Kind<unknown>} whatever JSON can say, nothing at all included */
const anything = /** @type {Kind<unknown>} */ (/** @type {unknown} */ (() => true));
/** @type {Kind<string>} */
const string = (value) => typeof value === 'string';
/** @type {Kind<boolean>} */
const flag = (value) => typeof value === 'boolean';
/** @type {Kind<number>} a number, not NaN: JSON has no infinities, and says null for them */
const number = (value) => typeof value === 'number';
/** @type {Kind<number>} */
const integer = /** @type {Kind<number>} */ ((value) => Number.isSafeInteger(value));
/** @type {Kind<number>} a whole number from 0 on */
const count = /** @type {Kind<number>} */ ((value) => Number.isSafeInteger(value) && Number(value) >= 0);

/** @type {(value: unknown) => value is Record<string, unknown>} */
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/**
 * @template {string} T
 * @param {readonly T[]} values
 * @returns {Kind<T>}
 */
function oneOf(values) {
  return /** @type {Kind<T>} */ ((value) => values.includes(/** @type {T} */ (value)));
}

/**
 * @template T
 * @param {Kind<T>} kind
 * @returns {Kind<T|undefined>}
 */
function optional(kind) {
  return /** @type {Kind<T|undefined>} */ ((value) => value === undefined || kind(value));
}

/**
 * @template T
 * @param {Kind<T>} kind
 * @returns {Kind<T|null>}
 */
function nullOr(kind) {
  return /** @type {Kind<T|null>} */ ((value) => value === null || kind(value));
}

/**
 * @template T
 * @param {Kind<T>} kind
 * @returns {Kind<T[]>}
 */
function listOf(kind) {
  return /** @type {Kind<T[]>} */ ((value) => Array.isArray(value) && value.every(kind));
}

/**
 * @template T
 * @param {Kind<T>} kind
 * @returns {Kind<Record<string, T>>}
 */
function tableOf(kind) {
  return /** @type {Kind<Record<string, T>>} */ ((value) => isObject(value) && Object.values(value).every(kind));
}

/**
 * An object with at least these fields; those that nobody reads before they are checked elsewhere may be left out.
 * @template T
 * @param {Partial<Fields<T>>} shape
 * @returns {Kind<T>}
 */
function object(shape) {
  const kinds = /** @type {Record<string, Kind<unknown>>} */ (shape);
  const fields = Object.keys(kinds);
  return /** @type {Kind<T>} */ ((value) => isObject(value) && fields.every((field) => kinds[field](value[field])));
}

/**
 * @template Message
 * @param {unknown} message out of JSON
 * @param {Readonly<Record<string, Record<string, Kind<unknown>>>>} shapes by type
 * @returns {Message} the message, which is of one of the shapes
 * @throws {ProtocolError}
 */
function checkShape(message, shapes) {
  if (!isObject(message)) throw new ProtocolError(`a message is ${show(message)}, but must be an object`);
  const { type } = message;
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type))
    throw new ProtocolError(`a message has the type ${show(type)}, which is not known here`);
  const shape = shapes[type];
  for (const field in shape)
    if (!shape[field](message[field]))
      throw new ProtocolError(`in a message '${type}' the field '${field}' is ${show(message[field])}`);
  return /** @type {Message} */ (message);
}

/**
 * Where in a message of numbers which kind of number stands.
 * @typedef {object} NumbersShape
 * @property {string} name
 * @property {number} length at least
 * @property {readonly number[]} [whole] places of whole numbers from 0 on
 * @property {readonly number[]} [integers] places of whole numbers of either sign
 * @property {readonly number[]} [numbers] places of numbers that are not NaN
 * @property {readonly (readonly [place: number, below: number])[]} [indices] places of whole numbers below a limit
 */

/**
 * Allocates nothing: it is called for each job.
 * @param {NumbersShape|undefined} shape
 * @param {Float64Array} numbers
 * @param {number} at where the message begins
 * @param {number} length
 * @throws {ProtocolError}
 */
function checkNumbers(shape, numbers, at, length) {
  if (shape === undefined)
    throw new ProtocolError(
      `a message has the type ${length > kTypeAt ? numbers[at + kTypeAt] : 'none'}, which is not known here`,
    );
  if (length < shape.length)
    throw new ProtocolError(`a message '${shape.name}' has ${length} numbers, but must have ${shape.length}`);
  const { whole = kNone, integers = kNone, numbers: anyNumbers = kNone, indices = kNoIndices } = shape;
  // The shifts say of nearly every number that it is whole, and cost no call.
  for (let i = 0; i < whole.length; ++i) {
    const value = numbers[at + whole[i]];
    if (value >>> 0 !== value && (!Number.isSafeInteger(value) || value < 0)) refuseNumber(shape, whole[i], value);
  }
  for (let i = 0; i < integers.length; ++i) {
    const value = numbers[at + integers[i]];
    if ((value | 0) !== value && !Number.isSafeInteger(value)) refuseNumber(shape, integers[i], value);
  }
  for (let i = 0; i < anyNumbers.length; ++i) {
    const value = numbers[at + anyNumbers[i]];
    if (value !== value) refuseNumber(shape, anyNumbers[i], value);
  }
  for (let i = 0; i < indices.length; ++i) {
    const value = numbers[at + indices[i][0]];
    if (value >>> 0 !== value || value >= indices[i][1]) refuseNumber(shape, indices[i][0], value);
  }
}

/** @type {readonly number[]} */
const kNone = [];
/** @type {readonly (readonly [number, number])[]} */
const kNoIndices = [];

/**
 * @param {NumbersShape} shape
 * @param {number} place
 * @param {number} value
 * @returns {never}
 * @throws {ProtocolError}
 */
function refuseNumber(shape, place, value) {
  throw new ProtocolError(`in a message '${shape.name}' the number ${place} is ${value}`);
}

module.exports = {
  ProtocolError,
  anything,
  string,
  flag,
  number,
  integer,
  count,
  isObject,
  oneOf,
  optional,
  nullOr,
  listOf,
  tableOf,
  object,
  checkShape,
  checkNumbers,
};
