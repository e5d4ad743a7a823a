// loadModel(): a folder becomes a model, once for each manager or context, however often and by however many it is
// loaded; who gives up waiting costs the others nothing.
'use strict';
const { EventEmitter } = require('node:events');
const { readSettings } = require('../config');
const { GPUError, asGpuError, invalid, tell } = require('../core');
const { checkLoading, throwIfAborted } = require('./call-options');
const { choosePrecision } = require('./choose-precision');
const { contentOf } = require('./content');
const { digestFiles } = require('./digest');
const { fileContent, fileSource } = require('./file-content');
const { readFolder } = require('./folder');
const { LoadedModel } = require('./loaded-model');
const { TextModel } = require('./model');
const { PackedCache } = require('./packed-cache');
const { Plan } = require('./plan');
const { readTfjs } = require('./readers/tfjs');
const { findSource } = require('./source');
const { sourceOf: storedSource } = require('./stored');
const { Tokenizer } = require('./tokenizer');
const { findWeights } = require('./weight-files');

/** @typedef {import('./owners').Owner} Owner */
/** @typedef {import('../index').LoadProgress} LoadProgress */
/** @typedef {ReturnType<typeof checkLoading>} Options */
/**
 * A model that is loaded, or is being; `waiting`: how many wait for it and have not got it yet; `forget`: whoever loads
 * it from then on loads it anew.
 * @typedef {{ loading: Promise<LoadedModel>, isLoaded: boolean, waiting: number, stop: AbortController,
 *   progress: EventEmitter, forget: () => void }} Entry
 */
/** @typedef {import('./folder').Description} Description */
/** @typedef {{ signal: AbortSignal, onBytes: (loaded: number, total: number) => void }} Loading */
/**
 * `asStored`: its weights as they lie in files, where jobs can read them so; `sourceOf`: where they are packed from.
 * @typedef {object} Known
 * @property {Description} description
 * @property {Plan} plan
 * @property {string} digest
 * @property {import('./content').Content} [asStored]
 * @property {(runner: import('./stored').Runner) => import('./stored').TensorSource} sourceOf
 */

/** What was loaded, or is being, by manager or context, and by digest and precision. */
/** @type {WeakMap<object, Map<string, Entry>>} */
const loaded = new WeakMap();

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
    return { description, plan, digest, sourceOf: (runner) => storedSource(plan.tensors, tensors, runner) };
  }
  const description = await readFolder(folder);
  const plan = new Plan(description.family, description.sizes, description.tail);
  const { found, files } = await findWeights(description, plan.tensors, signal);
  const digest = await digestFiles(folder, [...description.deciding, ...files], { signal, onBytes });
  return { description, plan, digest, asStored: fileContent(found), sourceOf: () => fileSource(found) };
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

/**
 * @param {Owner} owner
 * @param {Known} known
 * @param {import('../index').Precision} wanted
 * @param {Loading} loading
 */
async function build(owner, known, wanted, loading) {
  const { description, digest } = known;
  const tokenizer = await Tokenizer.load(description.tokenizer);
  try {
    checkVocabulary(tokenizer, known.plan);
    throwIfAborted(loading.signal, 'the loading');
    const source = known.sourceOf(owner);
    const cache = new PackedCache(readSettings(), (problem) =>
      process.emitWarning(problem, { code: 'SWITCHYARD_CACHE' }),
    );
    const { precision, why } = await precisionOf(owner, known, wanted, { source, tokenizer, cache, loading });
    const content = contentIn(precision, known, source, cache, owner);
    const placed = await owner.place(`text:${digest}:${precision}`, content, loading);
    const plan = known.plan.reading(content.forms);
    const model = new LoadedModel({ owner, description, plan, tokenizer, placed, digest, precision, why });
    try {
      await model.probe(loading.signal);
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
 * @param {Tokenizer} tokenizer
 * @param {Plan} plan
 */
function checkVocabulary({ vocabularySize }, { tensors }) {
  const words = tensors.find(({ kind }) => kind === 'table')?.shape[0] ?? 0;
  if (vocabularySize > words)
    throw invalid(
      `the tokenizer has tokens with ids up to ${vocabularySize - 1}, but the model has vectors for ${words}: they ` +
        'are not of one model',
    );
}

/**
 * @param {Owner} owner
 * @param {Known} known
 * @param {import('../index').Precision} wanted
 * @param {{ source: import('./stored').TensorSource, tokenizer: Tokenizer, cache: PackedCache,
 *   loading: Loading }} at
 * @returns {Promise<{ precision: import('./precision').Precision, why: string }>}
 */
async function precisionOf(owner, { description, plan, digest }, wanted, { source, tokenizer, cache, loading }) {
  if (wanted !== 'auto') return { precision: wanted, why: 'it was asked for' };
  const { kind, maxLength } = description;
  const scoresPairs = kind === 'cross-encoder';
  const { signal } = loading;
  return choosePrecision({ owner, plan, tokenizer, source, digest, scoresPairs, maxLength, cache, signal });
}

/**
 * @param {import('./precision').Precision} precision
 * @param {Known} known
 * @param {import('./stored').TensorSource} source
 * @param {PackedCache} cache
 * @param {Owner} owner
 */
function contentIn(precision, { digest, asStored }, source, cache, owner) {
  if (precision !== 'float32')
    return contentOf(
      source,
      precision,
      (layout, make) => cache.packed({ what: 'weights', digest, precision, layout }, make),
      owner,
    );
  return asStored ?? contentOf(source, precision, (_, make) => make(), owner);
}

/**
 * The one that is there or is being loaded, or a new one.
 * @param {Owner} owner
 * @param {Known} known
 * @param {import('../index').Precision} precision
 * @returns {Entry}
 */
function entryOf(owner, known, precision) {
  let models = loaded.get(owner.of);
  if (!models) loaded.set(owner.of, (models = new Map()));
  const key = `${known.digest} ${precision}`;
  let entry = models.get(key);
  if (!entry) {
    const stop = new AbortController();
    const progress = new EventEmitter().setMaxListeners(0);
    const onBytes = (/** @type {number} */ bytes, /** @type {number} */ total) =>
      tell(progress, 'progress', { loaded: bytes, total, step: 'weights' });
    const loading = build(owner, known, precision, { signal: stop.signal, onBytes });
    const all = models;
    /** @type {Entry} */
    const own = { loading, isLoaded: false, waiting: 0, stop, progress, forget };
    function forget() {
      if (all.get(key) === own) all.delete(key);
    }
    models.set(key, (entry = own));
    loading.then(() => (own.isLoaded = true), forget);
  }
  return entry;
}

/**
 * Waits for a model with others; the last that gives up stops the loading.
 * @param {Owner} owner
 * @param {Known} known
 * @param {Options} options
 * @returns {Promise<{ model: LoadedModel, release: () => Promise<void> }>}
 */
async function hold(owner, known, { precision, signal, onProgress }) {
  const entry = entryOf(owner, known, precision);
  ++entry.waiting;
  if (onProgress) entry.progress.on('progress', onProgress);
  try {
    const model = await orAborted(entry.loading, signal);
    ++model.holders;
    const release = async () => {
      --model.holders;
      await letGo(entry, model);
    };
    return { model, release };
  } finally {
    --entry.waiting;
    if (onProgress) entry.progress.off('progress', onProgress);
    if (entry.waiting === 0 && !entry.isLoaded) {
      entry.forget(); // who comes now begins anew
      entry.stop.abort();
      entry.loading.then(
        (model) => letGo(entry, model), // it was too late to stop it
        () => {},
      );
    }
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal|undefined} signal
 * @returns {Promise<T>}
 */
function orAborted(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () =>
      reject(new GPUError('ERR_CANCELED', 'the loading was canceled by its signal', { cause: signal.reason }));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/**
 * @param {Entry} entry
 * @param {LoadedModel} model
 */
async function letGo(entry, model) {
  if (model.holders || entry.waiting) return;
  entry.forget();
  await model.release();
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
    const { model, release } = await hold(owner, known, options);
    return new TextModel(model, { maxLength, contextType: options.contextType, release });
  } catch (error) {
    throw asGpuError(error);
  }
}

module.exports = { loadFor };
