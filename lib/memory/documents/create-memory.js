// createMemory(): a model, an index and, where it is to last, a store, put together.
'use strict';
const { GPUError, invalid, show } = require('../../core');
const { isModel } = require('../embeddings/models');
const { Cutter } = require('./cutter');
const { Intents, readJson } = require('./intents');
const { Memory } = require('./memory');
const { checkMemory } = require('./options');

/** @typedef {import('../../index').TextModel} TextModel */
/** @typedef {import('./memory').Index} Index */
/** @typedef {import('./intents').Store & { close: () => Promise<void> }} Store */
/**
 * Where a memory's parts come from: a manager, or this process alone.
 * @typedef {object} Maker
 * @property {boolean} isContext whether jobs run on one context
 * @property {number} timeout of calls that don't say one
 * @property {(source: unknown) => Promise<TextModel>} loadModel
 * @property {(options: object) => Promise<Index>} createIndex
 * @property {(path: unknown) => Promise<Store>} openStore
 * @property {string} defaultModel
 * @property {() => Promise<void>} [close] of what is there for the memory alone
 */

const kFormat = 1; // of what a memory keeps in a store

/**
 * @param {Maker} maker
 * @param {unknown} given
 * @returns {Promise<Memory>}
 */
async function makeMemory(maker, given) {
  /** @type {(() => Promise<unknown>)[]} what was opened for it, the last one first */
  const opened = maker.close ? [maker.close] : [];
  const close = async () => {
    /** @type {unknown} */
    let failed;
    for (const each of opened.splice(0)) await each().catch((/** @type {unknown} */ error) => (failed ??= error));
    if (failed) throw failed;
  };
  try {
    const options = checkMemory(given);
    const model = await modelOf(maker, options.model ?? maker.defaultModel, 'model', opened);
    if (model.kind !== 'encoder')
      throw new GPUError('ERR_UNSUPPORTED', 'model is a cross-encoder, but passages need vectors: give an encoder');
    const { reranker: ranking } = options;
    const reranker = ranking === undefined ? undefined : await modelOf(maker, ranking, 'reranker', opened);
    if (reranker && reranker.kind !== 'cross-encoder')
      throw new GPUError('ERR_UNSUPPORTED', 'reranker is an encoder, but must be a cross-encoder, which gives scores');
    const { prompts } = model;
    const passagePrompt = ['passage', 'document'].find((name) => prompts[name] !== undefined);
    const cutter = await Cutter.of(model, options.chunk, passagePrompt);
    const store = await storeOf(maker, options, opened);
    const { name, dtype } = options;
    const prefix = `memory/${name}`;
    if (store) await describe(store, prefix, { format: kFormat, model: model.digest, dimensions: model.dimensions });
    const kept = store && { store, name };
    const index = await maker.createIndex({ dimensions: model.dimensions, metric: 'cosine', dtype, ...kept });
    opened.unshift(() => index.close());
    const intents = new Intents(store, prefix);
    await intents.finish(index);
    const queryPrompt = prompts.query === undefined ? undefined : 'query';
    const { isContext, timeout } = maker;
    return new Memory({ model, reranker, index, cutter, intents, queryPrompt, isContext, timeout, close });
  } catch (error) {
    await close().catch(() => {}); // the first error is the cause
    throw error;
  }
}

/**
 * @param {Maker} maker
 * @param {unknown} given a model, or where one is
 * @param {string} name of the option
 * @param {(() => Promise<unknown>)[]} opened
 * @returns {Promise<TextModel>}
 */
async function modelOf(maker, given, name, opened) {
  if (isModel(given)) return given;
  if (typeof given !== 'string' && Object.prototype.toString.call(given) !== '[object URL]')
    throw invalid(
      `${name} is ${show(given)}, but must be a TextModel, a folder, a file: URL or the name of a package`,
      `options.${name}`,
    );
  const model = await maker.loadModel(given);
  opened.unshift(() => model.close());
  return model;
}

/**
 * @param {Maker} maker
 * @param {ReturnType<typeof checkMemory>} options
 * @param {(() => Promise<unknown>)[]} opened
 * @returns {Promise<Store|undefined>} undefined: it is not to outlive the process
 */
async function storeOf(maker, { store, path }, opened) {
  if (store !== undefined) return /** @type {Store} */ (store);
  if (path === undefined) return undefined;
  const own = await maker.openStore(path);
  opened.unshift(() => own.close());
  return own;
}

/**
 * Says what a memory was made with, or refuses to go on with something else: vectors of two models can't be compared.
 * @param {Store} store
 * @param {string} prefix
 * @param {Record<string, unknown>} wanted
 */
async function describe(store, prefix, wanted) {
  const key = `${prefix}/about`;
  const kept = await store.get(key);
  if (!kept) {
    await store.put(key, JSON.stringify(wanted));
    return;
  }
  const about = readJson(kept, key);
  if (about.format !== kFormat)
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `the memory in this store has the format ${show(about.format)}, but this version of switchyard reads ${kFormat}`,
    );
  for (const name of ['model', 'dimensions'])
    if (about[name] !== wanted[name])
      throw invalid(
        `the memory in this store was made with the ${name} ${show(about[name])}, but is opened with ` +
          `${show(wanted[name])}: take that one, or another \`name\``,
        'options.model',
      );
}

module.exports = { makeMemory };
