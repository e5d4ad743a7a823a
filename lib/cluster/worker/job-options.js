// The options of executeWorkload(): their check, and the numbers that stand for them in an ask.
'use strict';
const { createHash } = require('node:crypto');
const { checkWaiting } = require('../../call');
const { invalid, show, refuseUnknownKeys, kBackends } = require('../../core');
const { checkAccount } = require('../../operations');

/**
 * Of a part of a split job `home`, the context that it is meant for, and who hears that inputs of it are copied;
 * `waited`: for how many ms it has been asked for before.
 * @typedef {import('../../index').JobOptions & { home?: number, onCopies?: () => void, waited?: number }} JobOptions
 */

const kOptions = new Set([
  'priority',
  'timeout',
  'signal',
  'contextType',
  'affinity',
  'cache',
  'retries',
  'into',
  'account',
]);
const kMaxAffinities = 4096; // names remembered

/**
 * @param {unknown} given
 * @returns {JobOptions}
 * @throws {import('../../core/errors').GPUError} ERR_INVALID_ARGUMENT; ERR_CANCELED: its signal is aborted already
 */
function checkOptions(given) {
  if (given === null || typeof given !== 'object')
    throw invalid(`executeWorkload()'s options are ${show(given)}, but must be an object`, 'options');
  refuseUnknownKeys(given, kOptions, 'option of executeWorkload()', 'options.');
  const options = /** @type {Record<string, unknown>} */ (given);
  checkWaiting(options);
  const { priority, contextType, affinity, cache, retries } = options;
  if (priority !== undefined && !Number.isSafeInteger(priority))
    throw invalid(
      `priority is ${show(priority)}, but must be a whole number (0 is the default, higher goes first)`,
      'options.priority',
    );
  if (contextType !== undefined && !kBackends.includes(/** @type {typeof kBackends[number]} */ (contextType)))
    throw invalid(
      `contextType is ${show(contextType)}, but must be 'cuda', 'vulkan' or 'cpu'; left out, a GPU goes first`,
      'options.contextType',
    );
  if (affinity !== undefined && (typeof affinity !== 'string' || !affinity))
    throw invalid(`affinity is ${show(affinity)}, but must be a string that is not empty`, 'options.affinity');
  if (cache !== undefined && typeof cache !== 'boolean')
    throw invalid(`cache is ${show(cache)}, but must be true or false`, 'options.cache');
  if (
    retries !== undefined &&
    !(typeof retries === 'number' && Number.isInteger(retries) && retries >= 0 && retries <= 100)
  )
    throw invalid(`retries is ${show(retries)}, but must be a whole number from 0 to 100`, 'options.retries');
  if (options.account !== undefined) checkAccount(options.account);
  return options;
}

/** @type {Map<string, number>} */
const affinities = new Map();

/**
 * 48 bits of an affinity's digest, the same in every process: two names with the same would only share a context.
 * @param {string} name
 */
function affinityNumber(name) {
  let number = affinities.get(name);
  if (number === undefined) {
    number = createHash('sha256').update(name).digest().readUIntBE(0, 6) + 1;
    if (affinities.size >= kMaxAffinities) affinities.clear();
    affinities.set(name, number);
  }
  return number;
}

module.exports = { checkOptions, affinityNumber };
