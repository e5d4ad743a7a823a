// processEmbeddings(): vectors or texts, normalized, reduced and made codes, as one graph on one context.
'use strict';
const { createContext } = require('../../context');
const { ownerOf } = require('../../text');
const { OwnContext } = require('./own-context');
const { Pipeline } = require('./pipeline');

const kIdleMs = 30_000; // after which the context of calls without a manager is closed

/** @type {WeakMap<object, Pipeline>} by manager or context */
const pipelines = new WeakMap();
const own = new OwnContext(
  () => createContext(),
  kIdleMs,
  (context) => pipelineOf(context).cleanup(),
);

/**
 * @param {object} of a manager or a context
 * @returns {Pipeline} the same each time
 */
function pipelineOf(of) {
  let pipeline = pipelines.get(of);
  if (!pipeline) pipelines.set(of, (pipeline = new Pipeline(ownerOf(of))));
  return pipeline;
}

/**
 * Vectors or texts as vectors to search: normalized, reduced, as codes. On a context that such calls share, on the best
 * device there is.
 * @param {import('../../index').EmbeddingsRequest} request { embeddings, options } or { texts, options }
 * @param {import('../../index').EmbeddingsJobOptions} [options] signal, timeout, priority
 * @returns {Promise<import('../../index').ProcessedEmbeddings>}
 * @throws {import('../../core').GPUError} (rejects with) ERR_INVALID_ARGUMENT: an option, or a row, which is named;
 *   ERR_NOT_FOUND: there is no such model; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_TIMEOUT and ERR_CANCELED, with
 *   `released`
 * @example
 * const options = { dimension_reduction: 256, quantization: true };
 * const { embeddings, scales, basis } = await processEmbeddings({ embeddings: vectors, options });
 */
async function processEmbeddings(request, options) {
  return own.use((context) => pipelineOf(context).process(request, options));
}

module.exports = { processEmbeddings, pipelineOf, Pipeline };
