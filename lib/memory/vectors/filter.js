// Filters as callers write them, checked and in the form that the addon reads (src/vectors/filter.h).
'use strict';
const { invalid, show, suggestion } = require('../../core');

/**
 * @typedef {{ op: string, of?: Condition[], field?: string, value?: unknown, values?: unknown[] }} Condition
 */

const kArgument = 'options.filter';
const kMostDepth = 32;
const kMostConditions = 4096;
const kMostValues = 65536;
const kComparisons = new Set(['$eq', '$ne', '$in', '$nin', '$gt', '$gte', '$lt', '$lte', '$exists']);
const kOrders = new Set(['$gt', '$gte', '$lt', '$lte']);
const kJoins = new Set(['$and', '$or', '$not']);

/** @param {string} message */
const refuse = (message) => invalid(`filter: ${message}`, kArgument);

/**
 * Of any realm. What has its content elsewhere than in keys of its own (a Map, a promise that nobody awaited) would be
 * a filter that everything passes.
 * @param {unknown} value
 */
function isPlain(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty');
}

/**
 * @param {unknown} value
 * @param {string} where
 */
function checkScalar(value, where) {
  const type = typeof value;
  if (value === null || type === 'string' || type === 'boolean' || (type === 'number' && Number.isFinite(value)))
    return value;
  throw refuse(`${where} is ${show(value)}, but must be a string, a finite number, a boolean or null`);
}

/**
 * @param {string} field
 * @param {string} operator
 * @param {unknown} value
 * @returns {Condition}
 */
function readComparison(field, operator, value) {
  const where = `${operator} of '${field}'`;
  if (!kComparisons.has(operator)) throw refuse(`unknown operator '${operator}'${suggestion(operator, kComparisons)}`);
  const op = operator.slice(1);
  if (operator === '$exists') {
    if (typeof value !== 'boolean') throw refuse(`${where} is ${show(value)}, but must be true or false`);
    return { op, field, value };
  }
  if (operator === '$in' || operator === '$nin') {
    if (!Array.isArray(value)) throw refuse(`${where} is ${show(value)}, but must be an array of values`);
    if (value.length > kMostValues) throw refuse(`${where} has ${value.length} values, but can have ${kMostValues}`);
    return { op, field, values: value.map((each, i) => checkScalar(each, `${where}[${i}]`)) };
  }
  checkScalar(value, where);
  if (kOrders.has(operator) && typeof value !== 'number' && typeof value !== 'string')
    throw refuse(`${where} is ${show(value)}, but must be a number or a string`);
  return { op, field, value };
}

/** Reads one filter, and counts what it is made of. */
class FilterReader {
  #conditions = 0;

  /**
   * @param {unknown} filter
   * @param {number} depth
   * @returns {Condition|undefined} undefined: it says nothing
   */
  read(filter, depth) {
    if (!isPlain(filter))
      throw refuse(`${show(filter)} is no filter: it must be a plain object, { field: value } for example`);
    if (depth > kMostDepth) throw refuse(`it is more than ${kMostDepth} levels deep`);
    /** @type {Condition[]} */
    const all = [];
    for (const [key, value] of Object.entries(/** @type {object} */ (filter))) {
      if (kJoins.has(key)) all.push(this.#readJoin(key, value, depth));
      else if (key.startsWith('$')) throw refuse(`unknown operator '${key}'${suggestion(key, kJoins)}`);
      else all.push(...this.#readField(key, value));
      if ((this.#conditions += 1) > kMostConditions) throw refuse(`it has more than ${kMostConditions} conditions`);
    }
    return all.length > 1 ? { op: 'and', of: all } : all[0];
  }

  /**
   * @param {string} key
   * @param {unknown} value
   * @param {number} depth
   * @returns {Condition}
   */
  #readJoin(key, value, depth) {
    const op = key.slice(1);
    if (key === '$not') return { op, of: [this.#readPart(key, value, depth)] };
    if (!Array.isArray(value) || value.length === 0)
      throw refuse(`${key} is ${show(value)}, but must be an array of filters, one at least`);
    return { op, of: value.map((each) => this.#readPart(key, each, depth)) };
  }

  /**
   * @param {string} key
   * @param {unknown} part
   * @param {number} depth
   */
  #readPart(key, part, depth) {
    const condition = this.read(part, depth + 1);
    if (!condition) throw refuse(`${key} has an empty filter, which says nothing`);
    return condition;
  }

  /**
   * @param {string} field
   * @param {unknown} value
   * @returns {Condition[]}
   */
  #readField(field, value) {
    if (Array.isArray(value)) throw refuse(`'${field}' is ${show(value)}: one of a list is { $in: [...] }`);
    if (!isPlain(value)) return [{ op: 'eq', field, value: checkScalar(value, `'${field}'`) }];
    const entries = Object.entries(/** @type {object} */ (value));
    if (entries.length === 0) throw refuse(`'${field}' has no condition: give a value, or { $eq: value }`);
    return entries.map(([operator, each]) => {
      if (!operator.startsWith('$'))
        throw refuse(
          `'${field}' has a key '${operator}', but objects within are fields of their own: '${field}.${operator}'`,
        );
      return readComparison(field, operator, each);
    });
  }
}

/**
 * @param {unknown} filter
 * @returns {string|undefined} the addon's JSON; undefined: everything passes
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT
 */
function compileFilter(filter) {
  if (filter === undefined || filter === null) return undefined;
  const condition = new FilterReader().read(filter, 0);
  return condition && JSON.stringify(condition);
}

module.exports = { compileFilter };
