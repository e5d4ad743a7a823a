// loadModel(): a folder becomes a model, once for each manager or context, however often and by however many it is
// loaded; who gives up waiting costs the others nothing.
'use strict';
const { EventEmitter } = require('node:events');
const { readSettings } = require('../config');
const { asGpuError, invalid, tell } = require('../core');
const { checkLoading, throwIfAborted } = require('./call-options');
const { choosePrecision } = require('./choose-precision');
const { contentOf } = require('./content');
const { digestFiles, FileStamps } = require('./digest');
const { fileContent, fileSource } = require('./file-content');
const { readFolder } = require('./folder');
const { LoadedModel } = require('./loaded-model');
const { TextModel } = require('./model');
const { ModelTokenizer } = require('./model-tokenizer');
const { PackedCache } = require('./packed-cache');
const { Plan } = require('./plan');
const { readTfjs, describeTfjs } = require('./readers/tfjs');
const { entryOf, waitFor } = require('./shared-loads');
const { findSource } = require('./source');
const { sourceOf: storedSource } = require('./stored');
const { findWeights, weightFilesOf } = require('./weight-files');
const { nameOf } = require('./weights');

/** @typedef {import('./owners').Owner} Owner */
/** @typedef {import('../index').LoadProgress} LoadProgress */
/** @typedef {ReturnType<typeof checkLoading>} Options */
/** @typedef {import('./folder').Description} Description */
/** @typedef {import('./precision').Precision} Precision */
/** @typedef {import('./shared-loads').Loading} Loading */
/**
 * `asStored`: its weights as they lie in files, where jobs can read them so; `sourceOf`: where they are packed from;
 * `checkSame`: rejects where its files are others than when it was recognized.
 * @typedef {object} Known
 * @property {Description} description
 * @property {Plan} plan
 * @property {string} digest
 * @property {import('./content').Content} [asStored]
 * @property {(runner: import('./stored').Runner) => import('./stored').TensorSource} sourceOf
 * @property {() => Promise<void>} checkSame
 */

/**
 * Everything about a model but its weights' numbers.
 * @param {unknown} source
 * @param {Options} options
 * @returns {Promise<Known>}
 */
async function recognize(source, { signal, onProgress }) {
  const { folder, reader } = findSource(source);
  const onBytes = progressOf('digest', onProgress);
  if (reader === 'tfjs') {
    const { description, tensors, digest } = await readTfjs(folder, { signal, onBytes });
    const plan = new Plan(description.family, description.sizes, description.tail);
    const checkSame = () => Promise.resolve(); // the digest is of what was read
    return { description, plan, digest, sourceOf: (runner) => storedSource(plan.tensors, tensors, runner), checkSame };
  }
  const stamps = await stampsOf(folder);
  const description = await readFolder(folder);
  const plan = new Plan(description.family, description.sizes, description.tail);
  const { found, files } = await findWeights(description, plan.tensors, signal);
  const all = [...description.deciding, ...files];
  const digest = await digestFiles(folder, all, { signal, onBytes });
  const checkSame = () => stamps.check(all);
  await checkSame();
  return { description, plan, digest, asStored: fileContent(found), sourceOf: () => fileSource(found), checkSame };
}

/**
 * Of all files of a model, taken before one is read for good: a folder that is changed meanwhile would give one model's
 * digest and another one's weights.
 * @param {string} folder
 */
async function stampsOf(folder) {
  const description = await readFolder(folder);
  const { family, sizes, tail, deciding } = description;
  const files = await weightFilesOf(description, new Plan(family, sizes, tail).tensors);
  return FileStamps.take([...deciding, ...files]);
}

/**
 * @param {LoadProgress['step']} step
 * @param {((event: LoadProgress) => void)|undefined} onProgress
 */
function progressOf(step, onProgress) {
  if (!onProgress) return undefined;
  const emitter = new EventEmitter().on('progress', onProgress);
  // What a listener throws is the application's own.
  return (/** @type {number} */ bytes, /** @type {number} */ total) =>
    tell(emitter, 'progress', { loaded: bytes, total, step });
}

/** @returns {PackedCache} */
function cacheHere() {
  return new PackedCache(readSettings(), (problem) => process.emitWarning(problem, { code: 'SWITCHYARD_CACHE' }));
}

/**
 * @param {Owner} owner
 * @param {Known} known
 * @param {Precision} precision
 * @param {Loading} loading
 */
async function build(owner, known, precision, loading) {
  const { description, digest } = known;
  const tokenizer = await tokenizerOf(known);
  try {
    throwIfAborted(loading.signal, 'the loading');
    const content = contentIn(precision, known, owner);
    const placed = await owner.place(nameOf(digest, precision), content, loading);
    const plan = known.plan.reading(content.forms);
    const model = new LoadedModel({ owner, description, plan, tokenizer, placed, digest, precision });
    try {
      await known.checkSame();
      await model.probe(loading.signal);
      await model.findBudget(loading.signal);
    } catch (error) {
      await placed.release();
      throw error;
    }
    return model;
  } catch (error) {
    tokenizer.close();
    throw error;
  }
}

/**
 * @param {Known} known
 * @returns {Promise<ModelTokenizer>}
 */
async function tokenizerOf({ description, plan }) {
  const tokenizer = await ModelTokenizer.load(description);
  const words = plan.tensors.find(({ kind }) => kind === 'table')?.shape[0] ?? 0;
  const { vocabularySize } = tokenizer;
  if (vocabularySize <= words) return tokenizer;
  tokenizer.close();
  throw invalid(
    `the tokenizer has tokens with ids up to ${vocabularySize - 1}, but the model has vectors for ${words}: they are ` +
      'not of one model',
  );
}

/**
 * Which precision it is loaded in: `auto` once for each manager or context.
 * @param {Owner} owner
 * @param {Known} known
 * @param {Options} options
 * @returns {Promise<{ precision: Precision, why: string }>}
 */
async function precisionOf(owner, known, options) {
  const { precision, contextType } = options;
  if (precision !== 'auto') return { precision, why: 'it was asked for' };
  const entry = entryOf(owner.of, `${known.digest} auto ${contextType}`, ({ signal }) =>
    choosePrecision({ owner, known, tokenizerOf, cache: cacheHere(), signal }),
  );
  const stay = () => {};
  const choice = await waitFor(entry, { signal: options.signal }, (made) => made, stay);
  if (choice.isPartial) entry.forget();
  return choice;
}

/**
 * @param {Precision} precision
 * @param {Known} known
 * @param {Owner} owner
 */
function contentIn(precision, { digest, asStored, sourceOf, checkSame }, owner) {
  if (precision === 'float32' && asStored) return asStored;
  const source = sourceOf(owner);
  if (precision === 'float32') return contentOf(source, precision, (_, make) => make(), owner);
  const cache = cacheHere();
  return contentOf(
    source,
    precision,
    (layout, make) =>
      cache.packed({ what: 'weights', digest, precision, layout }, async () => {
        const packed = await make();
        await checkSame(); // before it is kept under the digest
        return packed;
      }),
    owner,
  );
}

/**
 * Waits for a model with others.
 * @param {Owner} owner
 * @param {Known} known
 * @param {Precision} precision
 * @param {Options} options
 * @returns {Promise<{ model: LoadedModel, release: () => Promise<void> }>}
 */
function hold(owner, known, precision, options) {
  const key = `${known.digest} ${precision} ${options.contextType}`;
  const entry = entryOf(owner.of, key, (loading) => build(owner, known, precision, loading));
  const letGo = async (/** @type {LoadedModel} */ model) => {
    if (model.holders || entry.waiting) return;
    entry.forget();
    await model.release();
  };
  const take = (/** @type {LoadedModel} */ model) => {
    ++model.holders;
    const release = async () => {
      --model.holders;
      await letGo(model);
    };
    return { model, release };
  };
  return waitFor(entry, options, take, letGo);
}

/**
 * @param {Owner} owner
 * @param {unknown} source
 * @param {unknown} given
 * @returns {Promise<TextModel>}
 */
async function loadFor(owner, source, given) {
  owner.checkOpen();
  const options = checkLoading(given, owner.isContext);
  throwIfAborted(options.signal, 'the loading');
  try {
    const known = await recognize(source, options);
    const { family, sizes, maxLength: usual } = known.description;
    const most = family.maxTokens(sizes);
    const { maxLength = usual } = options;
    if (maxLength > most)
      throw invalid(`maxLength is ${maxLength}, but the model has positions for ${most} tokens`, 'options.maxLength');
    const wanted = owner.only(options.contextType);
    const { precision, why } = await precisionOf(wanted, known, options);
    const { model, release } = await hold(wanted, known, precision, options);
    return new TextModel(model, { maxLength, why, release });
  } catch (error) {
    throw asGpuError(error);
  }
}

/**
 * The tokenizer of a model alone: its weights are not read.
 * @param {unknown} source
 * @returns {Promise<{ description: Description, tokenizer: ModelTokenizer }>}
 * @throws {import('../core').GPUError} (rejects with) as loadFor()
 */
async function loadTokenizer(source) {
  try {
    const { folder, reader } = findSource(source);
    const description = reader === 'tfjs' ? await describeTfjs(folder) : await readFolder(folder);
    return { description, tokenizer: await ModelTokenizer.load(description) };
  } catch (error) {
    throw asGpuError(error);
  }
}

module.exports = { loadFor, loadTokenizer };
