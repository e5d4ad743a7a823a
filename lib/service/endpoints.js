// The one table of endpoints. A row is all there is to say of one: the routes, the page at GET /, the methods that a
// path takes and the table of docs/http.md (`npm run generate`) follow from it.
'use strict';
const health = require('./health');
const { putTensor, getTensor, deleteTensor } = require('./named');
const { postEmbeddings, postRerank } = require('./compatible');
const { getCosts } = require('./costs');
const { postMcp } = require('./mcp');
const { getOpenApi } = require('./openapi');
const { getPage, getPageFile } = require('./page-files');
const { openSocket } = require('./open-socket');
const { postRpc } = require('./post-rpc');
const { runWorkload } = require('./run-workload');

/**
 * What a handler may need.
 * @typedef {object} Parts
 * @property {import('./server').Manager} manager
 * @property {import('./server').State} state
 * @property {import('../core/log').Logger} logger
 * @property {import('../exchange/caps').Config & Pick<import('../config/config').HttpConfig, 'answerTimeout'>} config
 * @property {import('../exchange/gate').Gate} gate
 * @property {import('../rpc').Dispatcher} dispatcher of methods, for the doors that read calls by themselves
 * @property {import('../rpc/json-rpc').JsonRpc} rpc
 * @property {import('./sockets').Sockets} sockets
 * @property {readonly Endpoint[]} endpoints all of them
 */
/** @typedef {import('fastify').FastifyRequest} Request */
/** @typedef {import('fastify').FastifyReply} Reply */
/** @typedef {(request: Request, reply: Reply) => Promise<unknown>} Handler */
/**
 * @typedef {object} Endpoint
 * @property {'GET'|'POST'|'PUT'|'DELETE'} method GET: HEAD, too
 * @property {'open'|'methods'|'read'|'write'} [scope] that a caller needs (`read`); `open`: nobody has to be known;
 *   `methods`: each method that is called says it, and is charged for by itself
 * @property {string} path as people read it; what stands in <> is a parameter of that name
 * @property {'whole'|'streamed'} [body] of a POST or PUT, whether the handler gets it read
 * @property {string} what one line for the page at GET /
 * @property {boolean} [isPart] of another one, which alone is listed
 * @property {string} [docs] what docs/http.md says in its place, in Markdown
 * @property {(parts: Parts) => Handler} handler made once a server
 */

const kPartOfPage = /** @type {const} */ ({ method: 'GET', scope: 'open', isPart: true, what: 'a part of that page' });

/** @type {readonly Endpoint[]} in the order in which they are listed */
const kEndpoints = [
  {
    method: 'POST',
    path: '/v1/workloads',
    what: 'runs a workload: JSON, or binary tensors as application/octet-stream; pictures as image/png (docs/http.md)',
    docs: 'runs a workload and answers with its result',
    body: 'whole',
    handler: runWorkload,
  },
  {
    method: 'POST',
    path: '/rpc',
    what: 'JSON-RPC 2.0: calls of methods, alone or in batches (docs/rpc.md)',
    docs: 'JSON-RPC 2.0: calls of methods, alone or in batches ([rpc.md](rpc.md))',
    scope: 'methods',
    body: 'whole',
    handler: postRpc,
  },
  {
    method: 'POST',
    path: '/mcp',
    what: 'the Model Context Protocol, for agents: the methods of /rpc as tools (docs/rpc.md)',
    docs: 'the Model Context Protocol, for agents: the methods of `/rpc` as tools ([rpc.md](rpc.md))',
    scope: 'methods',
    body: 'whole',
    handler: postMcp,
  },
  {
    method: 'POST',
    path: '/v1/embeddings',
    what: "vectors of texts, as OpenAI's clients ask for them (docs/rpc.md)",
    docs: "vectors of texts, as OpenAI's clients ask for them ([rpc.md](rpc.md))",
    scope: 'methods',
    body: 'whole',
    handler: postEmbeddings,
  },
  {
    method: 'POST',
    path: '/v1/rerank',
    what: "documents in the order of a query, as Cohere's and Jina's clients ask for it (docs/rpc.md)",
    docs: "documents in the order of a query, as Cohere's and Jina's clients ask for it ([rpc.md](rpc.md))",
    scope: 'methods',
    body: 'whole',
    handler: postRerank,
  },
  {
    method: 'GET',
    path: '/ws',
    what: 'a WebSocket: JSON-RPC 2.0 as text or in binary frames (docs/rpc.md)',
    docs: 'a WebSocket: JSON-RPC 2.0 as text or in binary frames ([rpc.md](rpc.md))',
    scope: 'methods',
    handler: openSocket,
  },
  {
    method: 'GET',
    path: '/openapi.json',
    what: 'the methods of /rpc and these endpoints, as OpenAPI 3.1 has them',
    handler: getOpenApi,
  },
  {
    method: 'PUT',
    path: '/v1/tensors/<name>',
    what: 'publishes a tensor (application/octet-stream): an input { "ref": name } of any job (docs/http.md)',
    docs: 'publishes a tensor under a name, or swaps it: `{ name, version }`',
    scope: 'write',
    body: 'streamed',
    handler: putTensor,
  },
  {
    method: 'GET',
    path: '/v1/tensors/<name>',
    what: 'the tensor of that name, as PUT takes it',
    handler: getTensor,
  },
  {
    method: 'DELETE',
    path: '/v1/tensors/<name>',
    what: 'takes the name away: 204',
    scope: 'write',
    handler: deleteTensor,
  },
  {
    method: 'GET',
    path: '/v1/contexts',
    what: 'the contexts of every worker',
    docs: '`{ contexts }`: the contexts of every worker',
    handler:
      ({ manager }) =>
      async () => ({ contexts: manager.contexts() }),
  },
  {
    method: 'GET',
    path: '/v1/costs',
    what: 'what jobs have cost, by hour and by day; ?format=csv&period=day (docs/operations.md)',
    docs:
      'what jobs have cost, by hour and by day; `?format=csv&period=day` as a table. Who has no token with the scope ' +
      '`admin` sees its own ([operations.md](operations.md))',
    handler: getCosts,
  },
  { method: 'GET', path: '/health/live', scope: 'open', what: '200 while the process turns', handler: health.live },
  {
    method: 'GET',
    path: '/health/ready',
    scope: 'open',
    what: '200 while jobs are taken',
    docs: '200 while jobs are taken; 503 with `status` `starting`, `draining` or `down`',
    handler: health.ready,
  },
  {
    method: 'GET',
    path: '/health/gpu',
    scope: 'open',
    what: '200 while a context passes its self-test; ?require=cuda asks for a kind',
    docs:
      '200 with `ageMs` while a context passed its self-test; `?require=cuda`, `vulkan` or `cpu` asks for a kind; ' +
      'else 503',
    handler: health.gpu,
  },
  {
    method: 'GET',
    path: '/health/cluster',
    scope: 'open',
    what: 'workers, contexts and the queue',
    docs:
      'workers, contexts and the queue; 503 where no context can take a job. Who needs a token and has none sees ' +
      '`status` and `draining`',
    handler: health.cluster,
  },
  {
    method: 'GET',
    path: '/metrics',
    what: 'Prometheus text',
    docs: 'Prometheus text, of the whole cluster whichever worker answers',
    handler:
      ({ manager }) =>
      async (_, reply) =>
        reply.type('text/plain; version=0.0.4; charset=utf-8').send(await health.soon(manager.prometheus())),
  },
  {
    method: 'GET',
    path: '/admin',
    scope: 'open',
    what: 'a page to watch all of this by, in a browser (docs/operations.md)',
    docs: 'a page to watch all of this by ([operations.md](operations.md#the-page)); `/admin/gpu-demo` is the same',
    handler: getPage,
  },
  { ...kPartOfPage, path: '/admin/gpu-demo', handler: getPage },
  { ...kPartOfPage, path: '/admin/service/page/<file>', handler: getPageFile('page') },
  { ...kPartOfPage, path: '/admin/client/<file>', handler: getPageFile('client') },
  { ...kPartOfPage, path: '/admin/charts/<file>', handler: getPageFile('charts') },
];

module.exports = { kEndpoints };
