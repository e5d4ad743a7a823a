// What the schemas of methods are made of. JSON Schema 2020-12, of which no more is used than its drafts have in
// common.
'use strict';
const { kBackends } = require('../core');

/** @typedef {Readonly<Record<string, unknown>>} Schema */

/**
 * An object of these fields and no others.
 * @param {Record<string, Schema>} properties
 * @param {readonly string[]} [required]
 * @returns {Schema}
 */
function object(properties, required = []) {
  return { type: 'object', properties, ...(required.length ? { required } : {}), additionalProperties: false };
}

/**
 * @param {string} description
 * @param {object} [more] minLength and the like
 * @returns {Schema}
 */
function string(description, more = {}) {
  return { type: 'string', description, ...more };
}

/**
 * @param {string} description
 * @param {number} minimum
 * @param {number} [maximum]
 * @param {object} [more]
 * @returns {Schema}
 */
function integer(description, minimum, maximum = Number.MAX_SAFE_INTEGER, more = {}) {
  return { type: 'integer', description, minimum, maximum, ...more };
}

/**
 * @param {string} description
 * @param {object} [more]
 * @returns {Schema}
 */
function number(description, more = {}) {
  return { type: 'number', description, ...more };
}

/**
 * @param {string} description
 * @param {boolean} [otherwise] the default
 * @returns {Schema}
 */
function boolean(description, otherwise) {
  return { type: 'boolean', description, ...(otherwise === undefined ? {} : { default: otherwise }) };
}

/**
 * @param {string} description
 * @param {Schema} items
 * @param {object} [more]
 * @returns {Schema}
 */
function list(description, items, more = {}) {
  return { type: 'array', description, items, ...more };
}

/**
 * @param {string} description
 * @param {readonly unknown[]} values
 * @param {object} [more]
 * @returns {Schema}
 */
function oneOf(description, values, more = {}) {
  return { description, enum: values, ...more };
}

/**
 * A tensor among params or in a result: its numbers are not the schema's to look at.
 * @param {string} description
 * @returns {Schema}
 */
function tensorField(description) {
  return {
    type: ['array', 'object'],
    description:
      `${description} A tensor: numbers, nested or flat; { data, shape, dtype } with numbers or base64 as data; ` +
      'in a binary frame { shape, dtype, offset }.',
  };
}

/**
 * Any object: whoever reads it checks it.
 * @param {string} description
 * @returns {Schema}
 */
function anyObject(description) {
  return { type: 'object', description, additionalProperties: true };
}

/**
 * Texts.
 * @param {string} description
 * @returns {Schema}
 */
const texts = (description) => list(description, { type: 'string' });
const kNameRule = { minLength: 1, maxLength: 100, pattern: '^[A-Za-z0-9_.-]+$' };
/**
 * A name that may be a folder's.
 * @param {string} description
 * @param {object} [more]
 * @returns {Schema}
 */
const name = (description, more = {}) => string(description, { ...kNameRule, ...more });
const kId = { type: ['string', 'integer'], description: 'a string of 1 to 512 bytes, or a whole number' };
/**
 * Ids of vectors.
 * @param {string} description
 * @returns {Schema}
 */
const ids = (description) => list(description, kId);
const metadata = anyObject('a JSON object that filters see');
const filter = anyObject('which may be found: { field: value }, { field: { $gte: 1 } }, $and, $or, $not');
const timings = anyObject('milliseconds');

/** How a call's jobs are run. */
const job = object({
  priority: integer('higher goes first', -(2 ** 31), 2 ** 31 - 1, { default: 0 }),
  timeout: number('milliseconds from the call', { exclusiveMinimum: 0 }),
  contextType: oneOf('contexts of this kind alone', kBackends),
  affinity: string('jobs of one affinity go to one context', { minLength: 1, maxLength: 128 }),
  retries: integer('how often it is begun again after a lost device', 0, 100),
});

const model = name("a model of texts by its name here: a folder of the server's models; left out: the usual one");

module.exports = {
  object,
  string,
  integer,
  number,
  boolean,
  list,
  oneOf,
  tensorField,
  anyObject,
  texts,
  name,
  ids,
  kId,
  metadata,
  filter,
  timings,
  job,
  model,
};
