// What C++ and JavaScript both have to know, as the addon tells it: src/*.def has a row for each fact.
'use strict';
const { GPUError, kBackends, buildRemedy } = require('../core');
const { native } = require('./native');

/** @typedef {import('../index').ErrorCode} ErrorCode */
/** @typedef {import('./native').WorkKind} WorkKind */

/**
 * @template Value
 * @param {Value} value
 * @returns {Value}
 */
function freeze(value) {
  if (value !== null && typeof value === 'object') Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}

// Made anew: an object that C++ has filled property by property is slow to read.
/** @type {import('./native').Facts} */
const facts = freeze(JSON.parse(JSON.stringify(native.facts)));

const named = facts.backends.map(({ name }) => name).join(', ');
if (named !== kBackends.join(', '))
  throw new GPUError(
    'ERR_UNSUPPORTED',
    `switchyard's native addon has the backends ${named}, but lib/core/backends.js has ${kBackends.join(', ')}: ` +
      `the two are of different versions. What helps: ${buildRemedy()}`,
  );

/** Every error code; a message has 1 + the place here, and 0 for success. */
const kCodes = Object.freeze(facts.codes.map(({ name }) => name));
/** @type {ReadonlyMap<string, import('./native').CodeFacts>} by name */
const codes = new Map(facts.codes.map((code) => [code.name, code]));
/** @type {ReadonlyMap<string, number>} */
const codeNumbers = new Map(kCodes.map((name, i) => [name, i + 1]));

const kInternal = 1 + kCodes.indexOf('ERR_INTERNAL');

/**
 * The number a code has in a message. What is no code of ours counts as ERR_INTERNAL.
 * @param {string} code
 */
function codeNumber(code) {
  return codeNumbers.get(code) ?? kInternal;
}

/**
 * One of the backends' facts by their names.
 * @template {keyof import('./native').BackendFacts} Key
 * @param {Key} key
 * @returns {Record<string, import('./native').BackendFacts[Key]>}
 */
function byBackend(key) {
  return Object.fromEntries(facts.backends.map((backend) => [backend.name, backend[key]]));
}
const labels = byBackend('label');
const computeRanks = byBackend('rank');
const softwareRanks = byBackend('softwareRank');
const drawRanks = byBackend('drawRank');

/**
 * The order of preference for compute, the lowest first: CUDA, hardware Vulkan, CPU, software Vulkan.
 * @param {string} backend
 * @param {boolean} software a driver that computes on the processor
 */
function computeRank(backend, software) {
  return (software ? softwareRanks : computeRanks)[backend];
}

/**
 * The same for pictures.
 * @param {string} backend
 * @param {boolean} software
 */
function drawRank(backend, software) {
  return (software ? softwareRanks : drawRanks)[backend];
}

/**
 * What sentences call a backend: 'CUDA'.
 * @param {string} backend
 */
function backendLabel(backend) {
  return labels[backend];
}

/** The kinds of work; a message has the place here. */
const kKinds = facts.kinds;

module.exports = { facts, kCodes, codes, codeNumber, computeRank, drawRank, backendLabel, kKinds };
