// loadModel(): a folder becomes a model, once for each manager or context, however often and by however many it is
// loaded; who gives up waiting costs the others nothing.
'use strict';
const { EventEmitter } = require('node:events');
const { GPUError, asGpuError, invalid, tell } = require('../core');
const { checkLoading, throwIfAborted } = require('./call-options');
const { LoadedModel } = require('./loaded-model');
const { TextModel } = require('./model');
const { weightsIn, choosePrecision } = require('./packing');
const { Plan } = require('./plan');
const { recognize } = require('./recognize');
const { Tokenizer } = require('./tokenizer');

/** @typedef {import('./owners').Owner} Owner */
/** @typedef {import('./recognize').Description} Description */
/** @typedef {import('./packing').Packing} Packing */
/** @typedef {import('./weights').Loading} Loading */
/** @typedef {import('./weights').Placed} Placed */
/** @typedef {import('../index').LoadProgress} LoadProgress */
/** @typedef {ReturnType<typeof checkLoading>} Options */
/** @typedef {import('./precision').Precision} Precision */
/**
 * A model that is loaded, or is being; `waiting`: how many wait for it and have not got it yet; `forget`: whoever loads
 * it from then on loads it anew.
 * @typedef {{ loading: Promise<LoadedModel>, isLoaded: boolean, waiting: number, stop: AbortController,
 *   progress: EventEmitter, forget: () => void }} Entry
 */

/** What was loaded, or is being, by manager or context, and by digest and precision. */
/** @type {WeakMap<object, Map<string, Entry>>} */
const loaded = new WeakMap();

/**
 * @param {LoadProgress['step']} step
 * @param {EventEmitter} emitter
 */
function telling(step, emitter) {
  // What a listener throws is the application's own.
  return (/** @type {number} */ bytes, /** @type {number} */ total) =>
    tell(emitter, 'progress', { loaded: bytes, total, step });
}

/**
 * A model whose weights are where `place` puts them.
 * @param {Owner} owner
 * @param {Description} description
 * @param {Tokenizer} tokenizer
 * @param {{ precision: Precision, reason: string, packing: Packing, place: (weights: import('./weights').Weights) =>
 *   Promise<Placed> }} how
 */
async function assemble(owner, description, tokenizer, { precision, reason, packing, place }) {
  const weights = weightsIn(packing, precision);
  const placed = await place(weights);
  const plan = new Plan(description.encoder, description.tail, weights.forms);
  return new LoadedModel({ owner, description, plan, tokenizer, placed, precision, reason });
}

/**
 * @param {Owner} owner
 * @param {Description} description
 * @param {Tokenizer} tokenizer
 * @param {Packing} packing
 * @param {AbortSignal} signal
 */
async function choose(owner, description, tokenizer, packing, signal) {
  const choice = await choosePrecision(description.digest, await owner.devices(), async (precision, sentences) => {
    throwIfAborted(signal, 'the loading');
    const place = (/** @type {import('./weights').Weights} */ weights) => owner.place(weights, { signal });
    const model = await assemble(owner, description, tokenizer, { precision, reason: '', packing, place });
    const pairs = description.kind === 'cross-encoder' ? [...sentences].reverse() : undefined;
    const batch = await tokenizer.encode(sentences, { pairs, maxLength: description.maxLength });
    return { run: () => model.once(batch, signal), end: () => model.placed.release() };
  });
  return { precision: choice.precision, reason: choice.why };
}

/**
 * @param {Owner} owner
 * @param {Description} description
 * @param {Precision|'auto'} wanted
 * @param {Required<Loading>} loading
 */
async function build(owner, description, wanted, { signal, onBytes }) {
  const tokenizer = await Tokenizer.load(description.tokenizer);
  /** @type {LoadedModel|undefined} */
  let model;
  try {
    checkVocabulary(tokenizer, description);
    const runner = { run: (/** @type {object} */ workload) => owner.run(workload, { signal }) };
    const packing = { source: description.weights(runner), digest: description.digest, runner };
    const { precision, reason } =
      wanted === 'auto'
        ? await choose(owner, description, tokenizer, packing, signal)
        : { precision: wanted, reason: 'it was asked for' };
    throwIfAborted(signal, 'the loading');
    const name = `text:${description.digest}:${precision}`;
    const place = (/** @type {import('./weights').Weights} */ weights) =>
      owner.place(weights, { signal, onBytes }, name);
    model = await assemble(owner, description, tokenizer, { precision, reason, packing, place });
    await model.probe(signal);
    return model;
  } catch (error) {
    tokenizer.close();
    await model?.placed.release();
    throw error;
  }
}

/**
 * @param {Tokenizer} tokenizer
 * @param {Description} description
 */
function checkVocabulary({ vocabularySize }, { encoder }) {
  const words = encoder.tensors.find(({ kind }) => kind === 'table')?.shape[0] ?? 0;
  if (vocabularySize > words)
    throw invalid(
      `the tokenizer has tokens with ids up to ${vocabularySize - 1}, but the model has vectors for ${words}: they are ` +
        'not of one model',
    );
}

/**
 * The one that is there or is being loaded, or a new one.
 * @param {Owner} owner
 * @param {Description} description
 * @param {Precision|'auto'} precision
 * @returns {Entry}
 */
function entryOf(owner, description, precision) {
  let models = loaded.get(owner.of);
  if (!models) loaded.set(owner.of, (models = new Map()));
  const key = `${description.digest} ${precision}`;
  let entry = models.get(key);
  if (!entry) {
    const stop = new AbortController();
    const progress = new EventEmitter().setMaxListeners(0);
    const onBytes = telling('weights', progress);
    const loading = build(owner, description, precision, { signal: stop.signal, onBytes });
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
 * @param {Description} description
 * @param {Options} options
 * @returns {Promise<{ model: LoadedModel, release: () => Promise<void> }>}
 */
async function hold(owner, description, { precision, signal, onProgress }) {
  const entry = entryOf(owner, description, precision);
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
  const options = checkLoading(given, owner.isContext);
  const { signal, onProgress, contextType } = options;
  throwIfAborted(signal, 'the loading');
  const progress = new EventEmitter();
  if (onProgress) progress.on('progress', onProgress);
  try {
    const description = await recognize(source, { signal, onBytes: telling('digest', progress) });
    const most = description.encoder.maxTokens;
    const { maxLength = description.maxLength } = options;
    if (maxLength > most)
      throw invalid(`maxLength is ${maxLength}, but the model has positions for ${most} tokens`, 'options.maxLength');
    const { model, release } = await hold(owner, description, options);
    return new TextModel(model, { maxLength, contextType, release });
  } catch (error) {
    throw asGpuError(error);
  }
}

module.exports = { loadFor };
