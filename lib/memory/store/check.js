// What a store is given, checked: keys, values, options and paths.
'use strict';
const { fileURLToPath } = require('node:url');
const path = require('node:path');
const { invalid, show, refuseUnknownKeys } = require('../../core');

const kMostKeyBytes = 512; // as src/store/format.h has it
const kMostValueBytes = 64 * 2 ** 20;
const kMostListed = 100_000;
const kMostTtl = 100 * 365 * 86_400_000; // a hundred years, in ms

const kOpen = new Set(['durable', 'readOnly', 'limit']);
const kPut = new Set(['ttl', 'durable']);
const kDelete = new Set(['durable']);
const kList = new Set(['prefix', 'limit', 'after']);
const kLeastLimit = 2 ** 20;
const kLoneSurrogate = /\p{Surrogate}/u;

/**
 * @param {unknown} options
 * @param {ReadonlySet<string>} known
 * @param {string} what
 * @returns {Record<string, unknown>}
 */
function checkOptions(options, known, what) {
  if (options === undefined) return {};
  if (options === null || typeof options !== 'object')
    throw invalid(`options of ${what}() is ${show(options)}, but must be an object`, 'options');
  refuseUnknownKeys(options, known, `option of ${what}()`, 'options.');
  return /** @type {Record<string, unknown>} */ (options);
}

/**
 * @param {Record<string, unknown>} options
 * @param {string} name
 * @param {boolean} otherwise
 */
function flag(options, name, otherwise) {
  const value = options[name] ?? otherwise;
  if (typeof value !== 'boolean')
    throw invalid(`${name} is ${show(value)}, but must be true or false`, `options.${name}`);
  return value;
}

/**
 * @param {string} text
 * @param {string} what
 * @param {number} least
 */
function checkText(text, what, least) {
  if (typeof text !== 'string') throw invalid(`${what} is ${show(text)}, but must be a string`, what);
  if (kLoneSurrogate.test(text)) throw invalid(`${what} ${show(text)} has a surrogate that stands alone`, what);
  const bytes = Buffer.byteLength(text);
  if (bytes >= least && bytes <= kMostKeyBytes) return text;
  throw invalid(`${what} ${show(text)} has ${bytes} bytes of UTF-8, but must have ${least} to ${kMostKeyBytes}`, what);
}

/** @param {unknown} key */
const checkKey = (key) => checkText(/** @type {string} */ (key), 'key', 1);

/**
 * @param {unknown} value
 * @returns {Uint8Array}
 */
function checkValue(value) {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  if (!(bytes instanceof Uint8Array))
    throw invalid(`value is ${show(value)}, but must be a Buffer, a Uint8Array or a string`, 'value');
  if (typeof value === 'string' && kLoneSurrogate.test(value))
    throw invalid('value is a string with a surrogate that stands alone: UTF-8 has no form for it', 'value');
  if (bytes.byteLength > kMostValueBytes)
    throw invalid(`value has ${bytes.byteLength} bytes, but must have at most ${kMostValueBytes} (64 MB)`, 'value');
  return bytes;
}

/**
 * @param {unknown} given
 * @param {string} what
 * @returns {string} absolute
 */
function checkPath(given, what) {
  const text = given instanceof URL && given.protocol === 'file:' ? fileURLToPath(given) : given;
  if (typeof text !== 'string' || text === '' || text.includes('\0'))
    throw invalid(`${what} is ${show(given)}, but must be the path of a folder, or a file: URL`, what);
  return path.resolve(text);
}

/** @param {unknown} given */
function checkOpening(given) {
  const options = checkOptions(given, kOpen, 'openStore');
  const { limit } = options;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && /** @type {number} */ (limit) >= kLeastLimit))
    throw invalid(
      `limit is ${show(limit)}, but must be a whole number of bytes, at least ${kLeastLimit} (1 MB)`,
      'options.limit',
    );
  return {
    durable: flag(options, 'durable', true),
    readOnly: flag(options, 'readOnly', false),
    limit: /** @type {number|undefined} */ (limit) ?? 0,
  };
}

/**
 * @param {unknown} given
 * @param {boolean} durable the store's
 */
function checkPut(given, durable) {
  const options = checkOptions(given, kPut, 'put');
  const { ttl } = options;
  if (ttl !== undefined && !(typeof ttl === 'number' && ttl > 0 && ttl <= kMostTtl))
    throw invalid(`ttl is ${show(ttl)}, but must be milliseconds above 0 and at most ${kMostTtl}`, 'options.ttl');
  return { ttl: /** @type {number|undefined} */ (ttl), durable: flag(options, 'durable', durable) };
}

/**
 * @param {unknown} given
 * @param {boolean} durable the store's
 */
const checkDelete = (given, durable) => flag(checkOptions(given, kDelete, 'delete'), 'durable', durable);

/** @param {unknown} given */
function checkList(given) {
  const options = checkOptions(given, kList, 'list');
  const { prefix = '', after = '', limit = 1000 } = options;
  if (!(Number.isInteger(limit) && /** @type {number} */ (limit) >= 1 && /** @type {number} */ (limit) <= kMostListed))
    throw invalid(
      `limit is ${show(limit)}, but must be a whole number from 1 to ${kMostListed}; 'after' gives the next ones`,
      'options.limit',
    );
  return {
    prefix: checkText(/** @type {string} */ (prefix), 'prefix', 0),
    after: checkText(/** @type {string} */ (after), 'after', 0),
    limit: /** @type {number} */ (limit),
  };
}

module.exports = { checkKey, checkValue, checkPath, checkOpening, checkPut, checkDelete, checkList };
