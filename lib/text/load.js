// loadModel(): a folder becomes a model, once for each manager or context, however often and by however many it is
// loaded; who gives up waiting costs the others nothing.
'use strict';
const { GPUError, asGpuError, invalid, tell } = require('../core');
const { EventEmitter } = require('node:events');
const { checkLoading, throwIfAborted } = require('./call-options');
const { digestFiles } = require('./digest');
const { readFolder } = require('./folder');
const { LoadedModel } = require('./loaded-model');
const { TextModel } = require('./model');
const { Plan } = require('./plan');
const { findSource } = require('./source');
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
/** @typedef {{ description: Description, plan: Plan, found: import('./weight-files').Found[], digest: string }} Known */

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
  const { folder, reader, name } = findSource(source);
  if (reader !== 'folder')
    throw new GPUError('ERR_UNSUPPORTED', `the model of the package '${name}' is of a format that is not built in`);
  const description = await readFolder(folder);
  const plan = new Plan(description.family, description.sizes, description.tail);
  const { found, files } = await findWeights(description, plan.tensors, signal);
  const onBytes = progressOf('digest', onProgress);
  const digest = await digestFiles(folder, [...description.deciding, ...files], { signal, onBytes });
  return { description, plan, found, digest };
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
 * @param {AbortSignal} signal
 * @param {(loaded: number, total: number) => void} onBytes
 */
async function build(owner, { description, plan, found, digest }, signal, onBytes) {
  const precision = 'float32';
  const tokenizer = await Tokenizer.load({ folder: description.tokenizer });
  try {
    throwIfAborted(signal, 'the loading');
    const placed = await owner.place(`text:${digest}:${precision}`, found, { signal, onBytes });
    const model = new LoadedModel({ owner, description, plan, tokenizer, placed, digest, precision });
    try {
      await model.probe(signal);
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
 * The one that is there or is being loaded, or a new one.
 * @param {Owner} owner
 * @param {Known} known
 * @returns {Entry}
 */
function entryOf(owner, known) {
  let models = loaded.get(owner.of);
  if (!models) loaded.set(owner.of, (models = new Map()));
  const key = known.digest;
  let entry = models.get(key);
  if (!entry) {
    const stop = new AbortController();
    const progress = new EventEmitter().setMaxListeners(0);
    const onBytes = (/** @type {number} */ bytes, /** @type {number} */ total) =>
      tell(progress, 'progress', { loaded: bytes, total, step: 'weights' });
    const loading = build(owner, known, stop.signal, onBytes);
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
async function hold(owner, known, { signal, onProgress }) {
  const entry = entryOf(owner, known);
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
async function loadModel(owner, source, given) {
  const options = checkLoading(given, owner.isContext);
  throwIfAborted(options.signal, 'the loading');
  if (options.precision !== 'auto' && options.precision !== 'float32')
    throw new GPUError('ERR_UNSUPPORTED', `precision '${options.precision}' is not built here: there is float32`);
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

module.exports = { loadModel };
