// GET /openapi.json: the methods of POST /rpc as OpenAPI 3.1 has them, from the one table.
'use strict';
const { version } = require('../../package.json');
const { kMethods } = require('../rpc');

/** @typedef {import('../rpc/methods').Method} Method */

/** @param {Method} method */
function requestOf({ name, params, title, description }) {
  return {
    type: 'object',
    title,
    description,
    properties: {
      jsonrpc: { const: '2.0' },
      id: { type: ['string', 'number', 'null'], description: 'left out: no answer is wanted' },
      method: { const: name },
      params,
    },
    required: ['jsonrpc', 'method'],
  };
}

/** @param {Method} method */
function answerOf({ result }) {
  return {
    type: 'object',
    properties: { jsonrpc: { const: '2.0' }, id: { type: ['string', 'number', 'null'] }, result },
    required: ['jsonrpc', 'id', 'result'],
  };
}

const kError = {
  type: 'object',
  properties: {
    jsonrpc: { const: '2.0' },
    id: { type: ['string', 'number', 'null'] },
    error: {
      type: 'object',
      properties: {
        code: { type: 'integer' },
        message: { type: 'string' },
        data: {
          type: 'object',
          properties: {
            code: { type: 'string', description: 'a code of docs/errors.md' },
            remedy: { type: 'string', description: 'what helps' },
            argument: { type: 'string', description: 'which one is wrong' },
            retryAfter: { type: 'number', description: 'milliseconds' },
          },
          required: ['code', 'remedy'],
        },
      },
      required: ['code', 'message', 'data'],
    },
  },
  required: ['jsonrpc', 'id', 'error'],
};

/** @param {readonly import('./endpoints').Endpoint[]} endpoints */
function describe(endpoints) {
  /** @type {Record<string, Record<string, object>>} */
  const paths = {};
  for (const { method, path, what, scope = 'read' } of endpoints.filter(({ isPart }) => !isPart)) {
    const entry = (paths[path.replace(/<(\w+)>/g, '{$1}')] ??= {});
    const names = [...path.matchAll(/<(\w+)>/g)].map(([, name]) => name);
    entry[method.toLowerCase()] = {
      summary: what,
      ...(scope === 'open' ? { security: [] } : {}),
      ...(names.length
        ? { parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })) }
        : {}),
      responses: { default: { description: 'docs/http.md' } },
    };
  }
  const schemas = Object.fromEntries(
    kMethods.flatMap((method) => [
      [`${method.name}.request`, requestOf(method)],
      [`${method.name}.answer`, answerOf(method)],
    ]),
  );
  const refs = (/** @type {string} */ kind) =>
    kMethods.map(({ name }) => ({ $ref: `#/components/schemas/${name}.${kind}` }));
  const request = { oneOf: refs('request') };
  const answer = { oneOf: [...refs('answer'), { $ref: '#/components/schemas/error' }] };
  const json = (/** @type {object} */ one) => ({
    'application/json': { schema: { oneOf: [one, { type: 'array', items: one, minItems: 1 }] } },
  });
  Object.assign(paths['/rpc'].post, {
    requestBody: { required: true, content: json(request) },
    responses: {
      200: { description: 'the answer, or one for each request of a batch', content: json(answer) },
      204: { description: 'there were notifications alone' },
    },
  });
  return {
    openapi: '3.1.0',
    info: { title: 'switchyard', version, description: 'GPU and CPU compute, models of texts, and memory.' },
    security: [{}, { bearer: [] }],
    paths,
    components: {
      schemas: { ...schemas, error: kError },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  };
}

/**
 * GET /openapi.json.
 * @param {import('./endpoints').Parts} parts
 * @returns {import('./endpoints').Handler}
 */
function getOpenApi({ endpoints }) {
  /** @type {object|undefined} */
  let described;
  return async () => (described ??= describe(endpoints));
}

module.exports = { getOpenApi, describe };
