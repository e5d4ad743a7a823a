// POST /v1/embeddings and POST /v1/rerank: what clients of OpenAI's, Cohere's and Jina's services send, answered in
// their forms, failures too.
'use strict';
const { randomUUID } = require('node:crypto');
const { badRequest, describeFailure, inTurns, parseJson } = require('../exchange');
const { describeError } = require('../core');
const { compatible } = require('../rpc');
const { sendText } = require('./answer');
const { callerOf } = require('./caller');
const { Delivery } = require('./delivery');
const { signalOf } = require('./gone');
const { checkQuery } = require('./query');

/** @typedef {Awaited<ReturnType<typeof import('./body').readBody>>} Body */
/** @typedef {import('./endpoints').Parts} Parts */
/** @typedef {{ embeddings: import('../index').Tensor, tokens: number[], model: { name: string } }} Embedded */
/** @typedef {{ results: { index: number, score: number }[], tokens: number, model: { name: string } }} Reranked */

/** @type {Record<number, string>} what those clients call a failure of each status */
const kTypes = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};

/** @param {import('fastify').FastifyRequest} request */
function bodyOf(request) {
  checkQuery(request.query, []);
  const body = /** @type {Body|undefined} */ (request.body);
  if (!body) throw badRequest('the body is missing, but must be a JSON object');
  try {
    return parseJson(body.content(), 'the body');
  } finally {
    body.release();
  }
}

/**
 * @param {Float32Array} row
 * @param {boolean} asBase64
 */
function vectorText(row, asBase64) {
  if (asBase64) return `"${Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString('base64')}"`;
  // The digits that tell a float32 from its neighbours, and no more.
  return JSON.stringify(Array.from(row, (value) => Number(value.toPrecision(9))));
}

/**
 * @param {Embedded} result
 * @param {boolean} asBase64
 * @returns {Generator<string>}
 */
function* embeddingsPieces({ embeddings, tokens, model }, asBase64) {
  const { data, shape } = embeddings;
  const [n, d] = shape;
  yield '{"object":"list","data":[';
  for (let i = 0; i < n; ++i) {
    const vector = vectorText(/** @type {Float32Array} */ (data.subarray(i * d, (i + 1) * d)), asBase64);
    yield `${i ? ',' : ''}{"object":"embedding","index":${i},"embedding":${vector}}`;
  }
  const total = tokens.reduce((sum, count) => sum + count, 0);
  const usage = { prompt_tokens: total, total_tokens: total };
  yield `],${JSON.stringify({ model: model.name, usage }).slice(1)}\n`;
}

/**
 * @param {Reranked} result
 * @param {string[]} documents
 * @param {boolean} withTexts
 */
function rerankAnswer({ results, tokens, model }, documents, withTexts) {
  return {
    id: randomUUID(),
    model: model.name,
    results: results.map(({ index, score }) => ({
      index,
      relevance_score: score,
      ...(withTexts ? { document: { text: documents[index] } } : {}),
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
    meta: { api_version: { version: '1' }, tokens: { input_tokens: tokens } },
  };
}

/**
 * A handler whose failures are told as those clients read them.
 * @param {Parts} parts
 * @param {import('./endpoints').Handler} handler
 * @returns {import('./endpoints').Handler}
 */
function telling({ logger }, handler) {
  return async (request, reply) => {
    try {
      return await handler(request, reply);
    } catch (error) {
      const { status, headers, body, internal } = describeFailure(error);
      if (internal) logger.error(describeError(error, logger.isLevelEnabled('debug')), 'request failed');
      const type = kTypes[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error');
      const { argument: param = null, ...rest } = body.error;
      return reply
        .code(status)
        .headers(headers)
        .send({ error: { ...rest, type, param } });
    }
  };
}

/**
 * POST /v1/embeddings.
 * @param {Parts} parts
 */
function postEmbeddings(parts) {
  return telling(parts, async (request, reply) => {
    const { method, params, asBase64 } = compatible().readEmbeddings(bodyOf(request));
    const options = { caller: callerOf(request), signal: signalOf(reply) };
    const delivery = new Delivery(reply, parts.config.answerTimeout);
    const { result, end } = await parts.dispatcher.call(method, params, options);
    delivery.ended.then(end);
    delivery.start();
    return sendText(reply, delivery, inTurns(embeddingsPieces(/** @type {Embedded} */ (result), asBase64)));
  });
}

/**
 * POST /v1/rerank.
 * @param {Parts} parts
 */
function postRerank(parts) {
  return telling(parts, async (request, reply) => {
    const { method, params, documents, withTexts } = compatible().readRerank(bodyOf(request));
    const options = { caller: callerOf(request), signal: signalOf(reply) };
    const { result, end } = await parts.dispatcher.call(method, params, options);
    end();
    return reply.send(rerankAnswer(/** @type {Reranked} */ (result), documents, withTexts));
  });
}

module.exports = { postEmbeddings, postRerank };
