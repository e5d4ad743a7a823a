// What existing clients of other services send for embeddings and for reranking, as calls of our methods.
'use strict';
const { GPUError, invalid, show } = require('../core');
const { refuseForbiddenKeys } = require('../exchange');
const { boolean, integer, list, object, oneOf, string } = require('./schemas');
const { checkParams } = require('./validate');

/** Whatever JSON can hold. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {Record<string, Json>} Body */

const kUsual = 'default'; // a model's name, where a client has to send one
const model = string('a name, or default');
const user = string('is not looked at');
const kEmbeddings = object(
  {
    input: { type: ['string', 'array'], description: 'a text, or several' },
    model,
    encoding_format: oneOf('of the vectors', ['float', 'base64'], { default: 'float' }),
    dimensions: integer('only so many of the first numbers of each vector', 1),
    user,
  },
  ['input'],
);
const kRerank = object(
  {
    query: string('what is looked for'),
    documents: list('texts, or { text }', { type: ['string', 'object'] }, { minItems: 1 }),
    model,
    top_n: { type: ['integer', 'null'], description: 'how many; null: all', minimum: 1 },
    return_documents: boolean('whether results have their texts', false),
    truncation: boolean('longer texts are cut', true),
    user,
  },
  ['query', 'documents'],
);

/**
 * @param {unknown} body
 * @param {import('./schemas').Schema} schema
 * @returns {Body}
 */
function checked(body, schema) {
  refuseForbiddenKeys(body, 'the body');
  checkParams(schema, body, 'the body');
  return /** @type {Body} */ (body);
}

/** @param {string|undefined} name */
function modelOf(name) {
  return name === undefined || name === kUsual ? {} : { model: name };
}

/**
 * @param {unknown} input
 * @returns {string[]}
 * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_UNSUPPORTED: numbers of some tokenizer
 */
function textsOf(input) {
  if (typeof input === 'string') return [input];
  const texts = /** @type {unknown[]} */ (input);
  if (texts.length === 0) throw invalid('input has no text', 'input');
  for (const [i, text] of texts.entries()) {
    if (typeof text === 'string') continue;
    if (typeof text === 'number' || Array.isArray(text))
      throw Object.assign(
        new GPUError(
          'ERR_UNSUPPORTED',
          'input has tokens, but they may be of another tokenizer than the model has: send texts ' +
            '(LangChain: check_embedding_ctx_length=False)',
        ),
        { argument: 'input' },
      );
    throw invalid(`input[${i}] is ${show(text)}, but must be a text`, `input[${i}]`);
  }
  return /** @type {string[]} */ (texts);
}

/**
 * @param {unknown} body of POST /v1/embeddings
 * @returns {{ method: 'embed', params: object, asBase64: boolean }}
 */
function readEmbeddings(body) {
  const { input, model: name, dimensions, encoding_format: format } = checked(body, kEmbeddings);
  const params = { texts: textsOf(input), ...modelOf(name), ...(dimensions === undefined ? {} : { dimensions }) };
  return { method: 'embed', params, asBase64: format === 'base64' };
}

/**
 * @param {unknown} body of POST /v1/rerank
 * @returns {{ method: 'rerank', params: object, documents: string[], withTexts: boolean }}
 */
function readRerank(body) {
  const { query, documents: given, model: name, top_n: topK, ...more } = checked(body, kRerank);
  const documents = given.map((/** @type {string|{ text?: unknown }} */ each, /** @type {number} */ i) => {
    const text = typeof each === 'string' ? each : each.text;
    if (typeof text !== 'string')
      throw invalid(`documents[${i}] is ${show(each)}, but must be a text or { text }`, `documents[${i}]`);
    return text;
  });
  const { return_documents: withTexts = false, truncation: truncate = true } = more;
  const params = { query, documents, ...modelOf(name), ...(topK == null ? {} : { topK }), truncate };
  return { method: 'rerank', params, documents, withTexts };
}

module.exports = { readEmbeddings, readRerank };
