// GET /: what there is, and a request to copy.
'use strict';
const { version } = require('../../package.json');

const kEndpoints = [
  [
    'POST',
    '/v1/workloads',
    'runs a workload: JSON, or binary tensors as application/octet-stream; pictures as image/png (docs/http.md)',
  ],
  ['GET', '/v1/contexts', 'the contexts of every worker'],
  ['GET', '/health/live', '200 while the process turns'],
  ['GET', '/health/ready', '200 while jobs are taken'],
  ['GET', '/health/gpu', '200 while a context gives a known answer; ?require=cuda asks for a kind'],
  ['GET', '/health/cluster', 'workers, contexts and the queue'],
  ['GET', '/metrics', 'Prometheus text'],
];
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

/** @param {string} base */
function homeText(base) {
  const lines = kEndpoints.map(([method, path, what]) => `  ${method.padEnd(4)} ${path.padEnd(16)} ${what}`);
  const run = `npx switchyard run normalize --shape 1000x384 --url ${base}`;
  return `switchyard ${version}\n\n${lines.join('\n')}\n\nTry:\n  ${curlLine(base)}\n\nor, from Node: ${run}\n`;
}

/** @param {string} base */
function homeJson(base) {
  return {
    name: 'switchyard',
    version,
    endpoints: kEndpoints.map(([method, path, description]) => ({ method, path, description })),
    example: { method: 'POST', path: '/v1/workloads', body: kExample, curl: curlLine(base) },
  };
}

/** @param {import('fastify').FastifyInstance} app */
function addHome(app) {
  app.get('/', async (request, reply) => {
    const { accept = '' } = request.headers;
    const base = baseOf(request);
    if (accept.includes('application/json')) return homeJson(base);
    return reply.type('text/plain; charset=utf-8').send(homeText(base));
  });
}

module.exports = { addHome, curlLine, kEndpoints };
