// The options of loadModel(), embed() and rerank(), checked.
'use strict';
const { kPrecisions: kWays } = require('./precision');
const { kHalves, checkWaiting } = require('../call');
const { kBackends, GPUError, invalid, show, suggestion, refuseUnknownKeys } = require('../core');

/** @typedef {Record<string, unknown>} Fields */
/** @typedef {import('../index').JobOptions} JobOptions */

const kPrecisions = ['auto', ...Object.keys(kWays)];
const kLoading = new Set(['precision', 'maxLength', 'contextType', 'signal', 'onProgress']);
/** Of jobs: on a context alone there is no queue, and nothing to choose. */
const kOnContext = ['signal', 'timeout'];
const kInCluster = [...kOnContext, 'priority', 'contextType', 'affinity', 'cache', 'retries', 'account'];
const kEmbedding = ['prompt', 'promptName', 'normalize', 'truncate', 'dimensions', 'dtype', 'returnAttention'];
const kRanking = ['topK', 'truncate'];

/**
 * @param {unknown} given
 * @param {ReadonlySet<string>} known
 * @param {string} what
 * @returns {Fields}
 */
function checkObject(given, known, what) {
  if (given === undefined) return {};
  if (given === null || typeof given !== 'object')
    throw invalid(`${what}'s options are ${show(given)}, but must be an object`, 'options');
  refuseUnknownKeys(given, known, `option of ${what}`, 'options.');
  return /** @type {Fields} */ (given);
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function checkFlag(value, name) {
  if (value !== undefined && typeof value !== 'boolean')
    throw invalid(`${name} is ${show(value)}, but must be true or false`, `options.${name}`);
  return /** @type {boolean|undefined} */ (value);
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {number} least
 * @param {number} most
 */
function checkCount(value, name, least, most) {
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || Number(value) < least || Number(value) > most)
    throw invalid(`${name} is ${show(value)}, but must be a whole number from ${least} to ${most}`, `options.${name}`);
  return Number(value);
}

/**
 * @param {unknown} given
 * @param {boolean} isContext whether the model is for one context
 */
function checkLoading(given, isContext) {
  const options = checkObject(given, kLoading, 'loadModel()');
  checkWaiting(options);
  const { precision = 'auto', contextType, onProgress } = options;
  if (!kPrecisions.includes(/** @type {string} */ (precision)))
    throw invalid(`precision is ${show(precision)}${suggestion(String(precision), kPrecisions)}`, 'options.precision');
  if (contextType !== undefined && isContext)
    throw invalid('contextType is an option of a manager: this model runs on one context', 'options.contextType');
  if (contextType !== undefined && !kBackends.includes(/** @type {import('../index').Backend} */ (contextType)))
    throw invalid(
      `contextType is ${show(contextType)}, but must be one of ${kBackends.join(', ')}`,
      'options.contextType',
    );
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalid(`onProgress is ${show(onProgress)}, but must be a function`, 'options.onProgress');
  return {
    precision: /** @type {import('../index').Precision} */ (precision),
    maxLength: checkCount(options.maxLength, 'maxLength', 1, 2 ** 31 - 1),
    contextType: /** @type {JobOptions['contextType']} */ (contextType),
    signal: /** @type {AbortSignal|undefined} */ (options.signal),
    onProgress: /** @type {((event: object) => void)|undefined} */ (onProgress),
  };
}

/**
 * Those of the job, out of a call's: what is left out stays so. They are checked before texts of several calls become
 * one job, which a wrong one would fail for all.
 * @param {Fields} options
 * @param {boolean} isContext
 * @returns {JobOptions}
 * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_CANCELED
 */
function jobOptionsOf(options, isContext) {
  /** @type {Fields} */
  const job = {};
  for (const name of isContext ? kOnContext : kInCluster) if (options[name] !== undefined) job[name] = options[name];
  if (isContext) checkWaiting(job);
  else require('../cluster').checkOptions(job); // which a context's calls do without
  return job;
}

/**
 * @param {unknown} given
 * @param {{ dimensions: number, layers: number, prompts: Record<string, string>, promptName?: string }} model
 * @param {boolean} isContext
 */
function checkEmbedding(given, model, isContext) {
  const known = new Set([...kEmbedding, ...(isContext ? kOnContext : kInCluster)]);
  const options = checkObject(given, known, 'embed()');
  const { dtype = 'float32' } = options;
  if (dtype !== 'float32' && !Object.hasOwn(kHalves, String(dtype)))
    throw invalid(
      `dtype is ${show(dtype)}, but must be one of float32, ${Object.keys(kHalves).join(', ')}`,
      'options.dtype',
    );
  return {
    prompt: promptOf(options, model),
    truncate: checkFlag(options.truncate, 'truncate') ?? true,
    wanted: {
      normalize: checkFlag(options.normalize, 'normalize'),
      dimensions: checkCount(options.dimensions, 'dimensions', 1, model.dimensions),
      dtype: /** @type {import('../index').DType} */ (dtype),
    },
    layer: checkCount(options.returnAttention, 'returnAttention', 0, model.layers - 1),
    job: jobOptionsOf(options, isContext),
  };
}

/**
 * @param {Fields} options
 * @param {{ prompts: Record<string, string>, promptName?: string }} model
 * @returns {string} what goes before each text
 */
function promptOf({ prompt, promptName }, model) {
  if (prompt !== undefined && promptName !== undefined)
    throw invalid('prompt and promptName are given, but only one of them can be', 'options.promptName');
  if (prompt !== undefined && typeof prompt !== 'string')
    throw invalid(`prompt is ${show(prompt)}, but must be a string`, 'options.prompt');
  if (prompt !== undefined) return /** @type {string} */ (prompt);
  const name = promptName ?? model.promptName;
  if (name === undefined) return '';
  if (typeof name !== 'string' || !Object.hasOwn(model.prompts, name))
    throw invalid(
      `promptName is ${show(name)}, which is no prompt of this model` +
        suggestion(String(name), Object.keys(model.prompts)),
      'options.promptName',
    );
  return model.prompts[name];
}

/**
 * @param {unknown} given
 * @param {boolean} isContext
 */
function checkRanking(given, isContext) {
  const known = new Set([...kRanking, ...(isContext ? kOnContext : kInCluster)]);
  const options = checkObject(given, known, 'rerank()');
  return {
    topK: checkCount(options.topK, 'topK', 1, Number.MAX_SAFE_INTEGER),
    truncate: checkFlag(options.truncate, 'truncate') ?? true,
    job: jobOptionsOf(options, isContext),
  };
}

/**
 * @param {unknown} given
 * @param {string} name of the argument
 * @returns {string}
 */
function checkText(given, name) {
  if (typeof given !== 'string') throw invalid(`${name} is ${show(given)}, but must be a string`, name);
  return given;
}

/**
 * @param {unknown} given
 * @param {string} name of the argument
 * @param {string} [wanted] what it must be
 * @returns {string[]}
 */
function checkTexts(given, name, wanted = 'a string or an array of strings') {
  if (!Array.isArray(given)) throw invalid(`${name} is ${show(given)}, but must be ${wanted}`, name);
  for (let i = 0; i < given.length; ++i) checkText(given[i], `${name}[${i}]`);
  return given;
}

/**
 * @param {AbortSignal|undefined} signal
 * @param {string} what
 */
function throwIfAborted(signal, what) {
  if (signal?.aborted)
    throw new GPUError('ERR_CANCELED', `${what} was canceled by its signal`, { cause: signal.reason });
}

module.exports = {
  checkObject,
  checkLoading,
  checkEmbedding,
  checkRanking,
  checkText,
  checkTexts,
  checkFlag,
  throwIfAborted,
};
