// The options of an index and of its calls, checked.
'use strict';
const { fileURLToPath } = require('node:url');
const { checkWaiting } = require('../../call');
const { invalid, show, suggestion, refuseUnknownKeys } = require('../../core');

/** @typedef {import('../../index').IndexOptions} IndexOptions */
/** @typedef {import('../../index').JobOptions} JobOptions */
/** @typedef {Record<string, unknown>} Fields */

/** In the order of src/vectors/scores.h. */
const kMetrics = /** @type {const} */ (['cosine', 'dot', 'l2']);
const kDTypes = /** @type {const} */ (['float32', 'float16', 'bfloat16', 'int8']);
const kMostDimensions = 65536;

const kOfIndex = new Set(['dimensions', 'metric', 'dtype', 'pinned', 'store', 'name']);
const kWaiting = ['signal', 'timeout'];
const kJobs = [...kWaiting, 'priority', 'contextType', 'affinity', 'retries', 'account', 'cache'];
const kOfAnswers = ['filter', 'ids', 'includeVectors', 'includeMetadata', 'explain'];
const kOfSearch = ['k', 'threshold', 'approximate', ...kOfAnswers];
const kOfRange = ['distance', 'limit', ...kOfAnswers];

/**
 * @param {unknown} options
 * @param {ReadonlySet<string>} known
 * @param {string} what
 * @returns {Fields}
 */
function checkObject(options, known, what) {
  if (options === undefined) return {};
  // Of a Map, or a promise that nobody awaited, no option would be seen.
  const isObject = Object.prototype.toString.call(options) === '[object Object]';
  if (options === null || typeof options !== 'object' || !isObject)
    throw invalid(`${what}'s options are ${show(options)}, but must be an object`, 'options');
  refuseUnknownKeys(/** @type {object} */ (options), known, `option of ${what}`, 'options.');
  return /** @type {Fields} */ (options);
}

/**
 * @template {string} Choice
 * @param {unknown} value
 * @param {readonly Choice[]} choices
 * @param {string} name
 * @returns {Choice}
 */
function checkChoice(value, choices, name) {
  if (choices.includes(/** @type {Choice} */ (value))) return /** @type {Choice} */ (value);
  throw invalid(
    `${name} is ${show(value)}, but must be one of ${choices.join(', ')}${
      typeof value === 'string' ? suggestion(value, choices) : ''
    }`,
    `options.${name}`,
  );
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {boolean}
 */
function checkFlag(value, name) {
  if (value === undefined) return false;
  if (typeof value !== 'boolean')
    throw invalid(`${name} is ${show(value)}, but must be true or false`, `options.${name}`);
  return value;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {number} least
 */
function checkCount(value, name, least) {
  if (!(Number.isSafeInteger(value) && /** @type {number} */ (value) >= least))
    throw invalid(`${name} is ${show(value)}, but must be a whole number of at least ${least}`, `options.${name}`);
  return /** @type {number} */ (value);
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function checkScore(value, name) {
  if (typeof value !== 'number' || Number.isNaN(value))
    throw invalid(`${name} is ${show(value)}, but must be a number`, `options.${name}`);
  return value;
}

/**
 * @param {unknown} options
 * @returns {{ dimensions: number, metric: import('../../index').Metric, dtype: import('../../index').IndexDType,
 *   pinned: boolean, store: unknown, name: unknown }}
 */
function checkIndexOptions(options) {
  if (options === undefined) throw invalid('createIndex() needs options: { dimensions } at least', 'options');
  const {
    dimensions,
    metric = 'cosine',
    dtype = 'float32',
    pinned,
    store,
    name,
  } = checkObject(options, kOfIndex, 'createIndex()');
  if (!(Number.isSafeInteger(dimensions) && Number(dimensions) >= 1 && Number(dimensions) <= kMostDimensions))
    throw invalid(
      `dimensions is ${show(dimensions)}, but must be a whole number from 1 to ${kMostDimensions}`,
      'options.dimensions',
    );
  return {
    dimensions: Number(dimensions),
    metric: checkChoice(metric, kMetrics, 'metric'),
    dtype: checkChoice(dtype, kDTypes, 'dtype'),
    pinned: checkFlag(pinned, 'pinned'),
    store,
    name,
  };
}

/**
 * @param {unknown} path
 * @returns {string}
 */
function checkPath(path) {
  if (path instanceof URL && path.protocol === 'file:') return fileURLToPath(path);
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    throw invalid(`path is ${show(path)}, but must be that of a file, or a file: URL`, 'path');
  return path;
}

/**
 * The options of jobs among others.
 * @param {Fields} given
 * @param {boolean} isContext
 * @param {string} what
 * @returns {JobOptions}
 */
function jobOptionsOf(given, isContext, what) {
  checkWaiting(given);
  /** @type {Fields} */
  const job = {};
  for (const name of kJobs) {
    if (given[name] === undefined) continue;
    if (isContext && !kWaiting.includes(name))
      throw invalid(`${name} is an option of ${what} on a manager's index alone`, `options.${name}`);
    job[name] = given[name];
  }
  return /** @type {JobOptions} */ (job);
}

/**
 * @param {Fields} given
 * @param {boolean} isContext
 * @param {string} what
 */
function answerOptions(given, isContext, what) {
  return {
    filter: given.filter,
    ids: given.ids,
    includeVectors: checkFlag(given.includeVectors, 'includeVectors'),
    includeMetadata: checkFlag(given.includeMetadata, 'includeMetadata'),
    explain: checkFlag(given.explain, 'explain'),
    job: jobOptionsOf(given, isContext, what),
  };
}

/**
 * @typedef {ReturnType<typeof answerOptions> & { k: number, isRange: boolean, threshold: number|undefined,
 *   approximate: boolean }} Given
 */
/**
 * The same, checked: the filter is the addon's JSON.
 * @typedef {Omit<Given, 'filter'|'ids'> & { filter: string|undefined,
 *   ids: import('../../index').VectorId[]|undefined }} Asked
 */

/**
 * @param {unknown} options
 * @param {boolean} isContext
 * @returns {Given}
 */
function checkSearch(options, isContext) {
  const given = checkObject(options, new Set([...kOfSearch, ...kJobs]), 'search()');
  return {
    ...answerOptions(given, isContext, 'search()'),
    k: given.k === undefined ? 10 : checkCount(given.k, 'k', 1),
    isRange: false,
    threshold: given.threshold === undefined ? undefined : checkScore(given.threshold, 'threshold'),
    approximate: checkFlag(given.approximate, 'approximate'),
  };
}

/**
 * @param {unknown} options
 * @param {boolean} isContext
 * @returns {Given}
 */
function checkRange(options, isContext) {
  const given = checkObject(options, new Set([...kOfRange, ...kJobs]), 'range()');
  return {
    ...answerOptions(given, isContext, 'range()'),
    k: given.limit === undefined ? Infinity : checkCount(given.limit, 'limit', 1),
    isRange: true,
    threshold: checkScore(given.distance, 'distance'),
    approximate: false,
  };
}

module.exports = { kMetrics, checkObject, checkFlag, checkIndexOptions, checkPath, checkSearch, checkRange };
