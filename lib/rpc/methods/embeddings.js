// Methods that turn vectors and texts into vectors, and texts into an order.
'use strict';
const { anyObject, boolean, integer, job, list, model, number, object, oneOf, string } = require('../schemas');
const { tensorField, texts, timings } = require('../schemas');

/** @type {readonly import('../methods').Method[]} */
const kEmbeddings = [
  {
    name: 'processEmbeddings',
    title: 'Make embeddings ready',
    description:
      'Makes vectors, or texts as vectors, ready to be searched: normalized, reduced to fewer dimensions by ' +
      'principal components, quantized. Give embeddings or texts.',
    scope: 'read',
    onDevice: true,
    repeatable: true,
    tensors: ['embeddings', 'options.basis.mean', 'options.basis.components', 'options.basis.explainedVariance'],
    params: object({
      embeddings: tensorField('Rows [n, d], or one vector [d].'),
      texts: { type: ['string', 'array'], description: 'texts in their place', items: { type: 'string' } },
      options: object({
        normalize: boolean('each row over its length', true),
        reduce_dimensions: boolean('whether rows are reduced; left out: where dimension_reduction or basis is given'),
        dimension_reduction: integer('to how many dimensions', 1),
        quantization: oneOf('codes of 8 bits (true, 8) or 4', [true, false, 8, 4], { default: false }),
        batch_size: integer('the most rows of a job', 1),
        basis: { type: ['string', 'object'], description: "a basis' name, or a basis that an earlier call gave" },
        model,
      }),
      includeBasis: boolean('the numbers of the basis, too, to be given again', false),
      job,
    }),
    result: object(
      {
        embeddings: tensorField('[n, c], of one vector or text [c].'),
        scales: tensorField('[n], with quantization: what codes of a row are multiplied with.'),
        basis: anyObject('what rows were reduced with: name, version; with includeBasis mean, components and more'),
        dimensions: integer('of each row', 0),
        timings,
      },
      ['embeddings', 'dimensions', 'timings'],
    ),
    handler: (parts, params, call) => require('../handlers/embeddings').makeReady(parts, params, call),
  },
  {
    name: 'embed',
    title: 'Embed texts',
    description: 'Turns texts into vectors of their meaning, with a model of texts.',
    scope: 'read',
    onDevice: true,
    repeatable: true,
    streams: true,
    params: object(
      {
        texts: texts('the texts'),
        model,
        normalize: boolean('each row over its length; left out: as the model says'),
        truncate: boolean('longer texts are cut; false: they are refused', true),
        dimensions: integer('only so many of the first numbers of each row', 1),
        prompt: string('goes before each text'),
        promptName: string("the same, by its name among the model's prompts"),
        dtype: oneOf('of the embeddings', ['float32', 'float16', 'bfloat16'], { default: 'float32' }),
        returnAttention: integer('a layer of the model, whose weights of attention come, too', 0),
        job,
      },
      ['texts'],
    ),
    result: object(
      {
        embeddings: tensorField('[n, d].'),
        tokens: list('of each text', { type: 'integer' }),
        truncated: list('of each text, whether it was cut', { type: 'boolean' }),
        model: anyObject('name, digest, dimensions, maxLength'),
        attention: list(
          'of each text, with returnAttention',
          object({ labels: list('its tokens', { type: 'string' }), weights: tensorField('[heads, t, t].') }, [
            'labels',
            'weights',
          ]),
        ),
        timings,
      },
      ['embeddings', 'tokens', 'truncated', 'model', 'timings'],
    ),
    handler: (parts, params, call) => require('../handlers/embeddings').embed(parts, params, call),
  },
  {
    name: 'rerank',
    title: 'Rerank documents',
    description:
      'Puts documents in the order of how well they answer a query, the best first: by a cross-encoder where the ' +
      'server has one, else by the cosine of their vectors, which `by` says.',
    scope: 'read',
    onDevice: true,
    repeatable: true,
    streams: true,
    params: object(
      {
        query: string('what is looked for'),
        documents: texts('the documents'),
        model,
        topK: integer('how many', 1),
        truncate: boolean('longer texts are cut; false: they are refused', true),
        job,
      },
      ['query', 'documents'],
    ),
    result: object(
      {
        results: list(
          'the best first',
          object({ index: integer('its place among the documents', 0), score: number('the larger the better') }, [
            'index',
            'score',
          ]),
        ),
        by: oneOf('a cross-encoder, or the cosine of the vectors', ['cross-encoder', 'cosine']),
        model: anyObject('name, digest, maxLength'),
        tokens: integer('of the query and all documents', 0),
      },
      ['results', 'by', 'model', 'tokens'],
    ),
    handler: (parts, params, call) => require('../handlers/embeddings').rerank(parts, params, call),
  },
];

module.exports = { kEmbeddings };
