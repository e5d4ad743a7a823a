// GET /: what there is, and a request to copy.
'use strict';
const { version } = require('../../package.json');

/** @typedef {import('./endpoints').Endpoint} Endpoint */

const kExample = { type: 'normalize', inputs: { input: { data: [3, 4, 6, 8], shape: [2, 2] } } };

/** @param {string} base like http://127.0.0.1:3000 */
function curlLine(base) {
  return `curl -s ${base}/v1/workloads -H 'content-type: application/json' -d '${JSON.stringify(kExample)}'`;
}

/**
 * As the client calls us, where that can stand in a shell.
 * @param {import('fastify').FastifyRequest} request
 */
function baseOf(request) {
  const { host } = request.headers;
  return host && /^[\w.-]{1,255}(:\d{1,5})?$|^\[[\da-f:.]{2,45}\](:\d{1,5})?$/i.test(host)
    ? `http://${host}`
    : 'http://127.0.0.1:3000';
}

/** @param {readonly Endpoint[]} endpoints */
function listed(endpoints) {
  return endpoints.filter(({ isPart }) => !isPart);
}

/**
 * @param {string} base
 * @param {readonly Endpoint[]} endpoints
 */
function homeText(base, endpoints) {
  const lines = listed(endpoints).map(({ method, path, what }) => `  ${method.padEnd(6)} ${path.padEnd(19)} ${what}`);
  const run = `npx switchyard run normalize --shape 1000x384 --url ${base}`;
  return `switchyard ${version}\n\n${lines.join('\n')}\n\nTry:\n  ${curlLine(base)}\n\nor, from Node: ${run}\n`;
}

/**
 * @param {string} base
 * @param {readonly Endpoint[]} endpoints
 */
function homeJson(base, endpoints) {
  return {
    name: 'switchyard',
    version,
    endpoints: listed(endpoints).map(({ method, path, what }) => ({ method, path, description: what })),
    example: { method: 'POST', path: '/v1/workloads', body: kExample, curl: curlLine(base) },
  };
}

/**
 * @param {import('fastify').FastifyInstance} app
 * @param {readonly Endpoint[]} endpoints
 */
function addHome(app, endpoints) {
  app.get('/', async (request, reply) => {
    const { accept = '' } = request.headers;
    const base = baseOf(request);
    if (accept.includes('application/json')) return homeJson(base, endpoints);
    return reply.type('text/plain; charset=utf-8').send(homeText(base, endpoints));
  });
}

module.exports = { addHome, curlLine };
