// processEmbeddings, embed, rerank.
'use strict';
const { invalid } = require('../../core');
const { takeRoom } = require('../answer-room');
const { jobOptions, given } = require('./jobs');

/** @typedef {import('../methods').Handler} Handler */
/** @typedef {import('../../index').TextModel} TextModel */
/** @typedef {import('../../index').Tensor} Tensor */

/**
 * How far a model is loaded, as progress of a call.
 * @param {import('../call').Call} call
 * @returns {import('../kept/models').OnProgress}
 */
function loading(call) {
  return ({ loaded, total, step }) => call.progress({ done: loaded, total, step: `model: ${step}` });
}

const kBytes = 4; // of a number, at most

/**
 * Bytes of the vectors that a call makes, of texts once it is known of which model.
 * @param {{ embeddings?: Tensor, texts?: string|string[] }} what
 * @param {TextModel} [model]
 */
function vectorBytes({ embeddings, texts }, model) {
  if (texts === undefined) return kBytes * (embeddings?.data.length ?? 0);
  return kBytes * [texts].flat().length * (model?.dimensions ?? 0);
}

/**
 * @param {TextModel} model
 * @param {string} name
 */
function aboutModel({ digest, dimensions, maxLength, kind }, name) {
  return { name, kind, digest, dimensions, maxLength };
}

/** @type {Handler} */
async function makeReady(parts, { embeddings, texts, options = {}, includeBasis = false, job }, call) {
  const { model: name, ...wishes } = options;
  const jobs = jobOptions(parts, job, call);
  const run = async (/** @type {TextModel|undefined} */ model) => {
    await takeRoom(parts, call, vectorBytes({ embeddings, texts }, model));
    return parts.manager.processEmbeddings(
      /** @type {import('../../index').EmbeddingsRequest} */ (
        given({ embeddings, texts, options: given({ ...wishes, model }) })
      ),
      jobs,
    );
  };
  if (texts === undefined && name !== undefined)
    throw invalid('model is given, but embeddings need none: it is for texts', 'options.model');
  const result = texts === undefined ? await run(undefined) : await parts.models.use(name, loading(call), run);
  const { basis, ...rest } = result;
  return given({ ...rest, basis: basis && basisOf(basis, includeBasis) });
}

/**
 * @param {import('../../index').EmbeddingBasis} basis
 * @param {boolean} whole
 */
function basisOf({ name, version, mean, components, explainedVariance, normalized, model }, whole) {
  return given({ name, version, normalized, model, ...(whole ? { mean, components, explainedVariance } : {}) });
}

/** @type {Handler} */
async function embed(parts, { texts, model: name, job, ...options }, call) {
  const jobs = jobOptions(parts, job, call);
  return parts.models.use(name, loading(call), async (model, itsName) => {
    await takeRoom(parts, call, vectorBytes({ texts }, model));
    const { embeddings, tokens, truncated, attention, timings } = await model.embed(texts, { ...options, ...jobs });
    return given({ embeddings, tokens, truncated, model: aboutModel(model, itsName), attention, timings });
  });
}

/** @type {Handler} */
async function rerank(parts, { query, documents, model: name, topK, truncate, job }, call) {
  const jobs = jobOptions(parts, job, call);
  const { textReranker } = parts.config;
  const chosen = name ?? (textReranker && require('node:path').basename(textReranker));
  return parts.models.use(chosen, loading(call), async (model, itsName) => {
    const options = given({ truncate, ...jobs });
    const isCross = model.kind === 'cross-encoder';
    const counted = isCross ? model.count([query, ...documents]) : undefined;
    const { results, tokens } = isCross
      ? {
          results: await model.rerank(query, documents, { ...options, topK: topK ?? documents.length }),
          tokens: sum(await counted),
        }
      : await byCosine(model, query, documents, options);
    return {
      results: results.slice(0, topK),
      by: isCross ? 'cross-encoder' : 'cosine',
      model: aboutModel(model, itsName),
      tokens,
    };
  });
}

/** @param {number[]|undefined} numbers */
function sum(numbers = []) {
  return numbers.reduce((total, each) => total + each, 0);
}

/**
 * With an encoder: best first, ties by index.
 * @param {TextModel} model
 * @param {string} query
 * @param {string[]} documents
 * @param {object} options
 */
async function byCosine(model, query, documents, options) {
  const { embeddings, tokens } = await model.embed([query, ...documents], { ...options, normalize: true });
  const [, d] = embeddings.shape;
  const data = /** @type {Float32Array} */ (embeddings.data);
  const results = documents.map((_, index) => {
    let score = 0;
    for (let i = 0, at = (index + 1) * d; i < d; ++i) score += data[i] * data[at + i];
    return { index, score };
  });
  results.sort((a, b) => b.score - a.score || a.index - b.index);
  return { results, tokens: sum(tokens) };
}

module.exports = { makeReady, embed, rerank };
