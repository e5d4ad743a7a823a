// Commands on texts, asked of a server.
'use strict';
const { invalid, show } = require('../../core');
const { withServer } = require('./connect');
const { each } = require('./each');

/** @typedef {import('./connect').ServerOptions} ServerOptions */
/** @typedef {import('../texts').TextOptions & ServerOptions} Options */
/** @typedef {{ name: string, kind: string, dimensions: number, server: string }} About */

const kTexts = 32; // of a request

/**
 * What is chosen where the model is loaded.
 * @param {import('../texts').TextOptions} options
 */
function refuseLocal({ device, precision }) {
  if (device !== undefined) throw invalid(`--device is ${show(device)}, but a server chooses the device`);
  if (precision !== undefined) throw invalid(`--precision is ${show(precision)}, but a server chooses it`);
}

/**
 * @param {Options} options
 * @returns {{ model?: string }}
 */
function modelOf({ model }) {
  return model === undefined ? {} : { model };
}

/**
 * @param {string[]} all
 * @param {Options} options
 */
function embed(all, options) {
  refuseLocal(options);
  const batches = Array.from({ length: Math.ceil(all.length / kTexts) }, (_, i) =>
    all.slice(i * kTexts, (i + 1) * kTexts),
  );
  return withServer(options, async (call, server) => {
    const parts = await each(batches, options.parallel, (texts) => call('embed', { texts, ...modelOf(options) }));
    const [{ model, embeddings }] = parts;
    const [, d] = embeddings.shape;
    const rows = parts.flatMap(({ embeddings: { data, shape } }) =>
      Array.from({ length: shape[0] }, (_, i) => data.subarray(i * d, (i + 1) * d)),
    );
    return {
      rows: /** @type {Float32Array[]} */ (rows),
      tokens: /** @type {number[]} */ (parts.flatMap(({ tokens }) => tokens)),
      truncated: /** @type {boolean[]} */ (parts.flatMap(({ truncated }) => truncated)),
      about: /** @type {About} */ ({ ...model, server }),
    };
  });
}

/**
 * @param {string} query
 * @param {string[]} documents
 * @param {Options & { top?: number }} options
 */
function rerank(query, documents, options) {
  refuseLocal(options);
  return withServer(options, async (call, server) => {
    const topK = options.top === undefined ? {} : { topK: options.top };
    const { results, by, model } = await call('rerank', { query, documents, ...topK, ...modelOf(options) });
    return {
      ranked: /** @type {{ index: number, score: number }[]} */ (results),
      by: by === 'cosine' ? /** @type {const} */ ('cosine') : /** @type {const} */ ('model'),
      about: /** @type {About} */ ({ ...model, server }),
    };
  });
}

/** @param {About} about */
function modelLine({ name, kind, dimensions, server }) {
  return `${name}: ${kind}${kind === 'encoder' ? `, ${dimensions} dimensions` : ''}, at ${server}`;
}

module.exports = { embed, rerank, modelLine };
