// The HTTP service of one worker: createServer(manager, config, logger) gives a fastify instance that is not listening
// yet.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { fastify } = require('fastify');
const { HttpError, badRequest, describeFailure, kType, Gate, doorHere, Room } = require('../exchange');
const { readServiceConfig } = require('../config');
const { createLogger, describeError } = require('../core');
const { clientName } = require('./caller');
const { whenGone } = require('./gone');
const { Budget, readBody, discard } = require('./body');
const { kEndpoints } = require('./endpoints');
const { addHome } = require('./home');
const { Access, followTls, readTls } = require('./access');
const { makeRpcServer } = require('./rpc-server');
const { Sockets } = require('./sockets');
const { addAccess } = require('./let-in');
const { Dispatcher, jsonRpc, makeParts, mcp } = require('../rpc');
const { within } = require('../tracing');
const { serverOptions, limitConnections, checkHeaders, linger } = require('./limits');

/** @typedef {import('../core/log').Logger} Logger */
/** @typedef {import('../config/config').HttpConfig} HttpConfig */
/** @typedef {import('fastify').FastifyRequest} Request */
/** @typedef {import('fastify').FastifyReply} Reply */
/** @typedef {Request & { workloadId?: string }} NamedRequest */
/** @typedef {import('../exchange/http-error').Thrown} Thrown */
/**
 * @typedef {object} Health
 * @property {'ok'|'degraded'|'down'} status
 * @property {{ id: number, pid: number, state: string, contexts: string[], loopAgeMs: number|null, deviceAgeMs:
 *   number|null }[]} workers
 * @property {{ id: string, contextType: string, device: string, deviceName?: string, state: string,
 *   lastKnownAnswerAgeMs: number|null }[]} contexts
 * @property {{ depth: number, limit: number, oldestAgeMs: number }} queue
 * @property {boolean} draining
 */
/**
 * What the service needs of a manager.
 * @typedef {object} Manager
 * @property {Promise<unknown>} ready
 * @property {import('../exchange/turn').Runner['executeWorkload']} executeWorkload
 * @property {() => { state: string }[]} contexts
 * @property {() => Promise<Health>} health
 * @property {() => Promise<string>} prometheus
 * @property {import('../index').GPUClusterManager['costs']} costs
 * @property {import('../index').GPUClusterManager['publish']} publish
 * @property {import('../index').GPUClusterManager['lookup']} lookup
 * @property {import('../index').GPUClusterManager['unpublish']} unpublish
 */
/** @typedef {{ ready: boolean, draining: boolean, jobs: number, onIdle: (() => void)|undefined, onDrain:
 *   Set<() => void> }} State `onDrain`: what would go on until its client leaves */

// What honest clients are told while they still send: too much, not here, not like that, not now.
const kEarlyAnswers = new Set([401, 403, 404, 405, 413, 415, 429]);
const kJson = 'application/json';
// How much all bodies of a worker may take together, and those of one client, in largest bodies.
const kBodies = 4,
  kClientBodies = 3;
const kEncodedName = 16 * 1024; // characters of a name in a path: no headers hold more, so that the name is refused

/** @type {{ pattern: RegExp, methods: string }[]} the methods of each path */
const kAllowed = [...new Set(['/', ...kEndpoints.map(({ path }) => path)])].map((path) => {
  const methods = path === '/' ? ['GET'] : kEndpoints.filter((each) => each.path === path).map(({ method }) => method);
  return {
    pattern: new RegExp(`^${path.replace(/<\w+>/g, '[^/]+')}$`),
    methods: methods.map((method) => (method === 'GET' ? 'GET, HEAD' : method)).join(', '),
  };
});

/** @param {Request} request */
function checkEncoding(request) {
  const { 'content-encoding': encoding, 'content-type': type = '' } = request.headers;
  if (encoding && encoding !== 'identity')
    throw new HttpError(
      415,
      'ERR_UNSUPPORTED_MEDIA_TYPE',
      'the body has a content-encoding, but must be sent as it is',
    );
  const charset = /charset\s*=\s*"?([^\s";]+)/i.exec(type)?.[1] ?? 'utf-8';
  if (!/^utf-?8$/i.test(charset))
    throw new HttpError(415, 'ERR_UNSUPPORTED_MEDIA_TYPE', 'the body has another charset than utf-8');
}

/**
 * @param {import('fastify').FastifyInstance} app
 * @param {HttpConfig} config
 * @param {Budget} budget
 */
function addParsers(app, { bodyLimit }, budget) {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    [kJson, kType],
    async (/** @type {Request} */ request, /** @type {import('node:stream').Readable} */ payload) => {
      const { headers, routeOptions } = request;
      const length = headers['content-length'];
      const declared = length === undefined ? undefined : Number(length);
      const options = { limit: bodyLimit, declared, budget: budget.of(clientName(request)) };
      const { body } = /** @type {{ body?: import('./endpoints').Endpoint['body'] }} */ (routeOptions.config);
      checkEncoding(request);
      if (body === 'whole') return readBody(payload, options);
      if (body === 'streamed' && isBinary(headers)) return { stream: payload, options };
      discard(payload);
      if (request.is404) return undefined; // it is told so
      throw body
        ? new HttpError(415, 'ERR_UNSUPPORTED_MEDIA_TYPE', `the content-type must be ${kType}`, {
            headers: { accept: kType },
          })
        : badRequest(`a ${request.method} of this path has no body`);
    },
  );
}

/** @param {import('node:http').IncomingHttpHeaders} headers */
function isBinary({ 'content-type': type = '' }) {
  return type.toLowerCase().startsWith(kType);
}

/**
 * @param {Thrown & { statusCode?: number }} error what fastify or a handler threw
 * @param {HttpConfig} config
 */
function asKnown(error, { bodyLimit }) {
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' || error.code === 'FST_ERR_CTP_EMPTY_TYPE')
    return new HttpError(415, 'ERR_UNSUPPORTED_MEDIA_TYPE', `the content-type must be ${kJson} or ${kType}`, {
      headers: { accept: `${kJson}, ${kType}` },
    });
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new HttpError(413, 'ERR_BODY_TOO_LARGE', `the body is larger than ${bodyLimit} bytes (HTTP_BODY_LIMIT)`);
  if (
    typeof error.code === 'string' &&
    error.code.startsWith('FST_') &&
    error.statusCode !== undefined &&
    error.statusCode >= 400 &&
    error.statusCode < 500
  )
    return new HttpError(error.statusCode, 'ERR_INVALID_ARGUMENT', error.message);
  return error;
}

/**
 * @param {HttpConfig} config
 * @param {Logger} logger
 */
function errorHandler(config, logger) {
  return (/** @type {Thrown} */ error, /** @type {NamedRequest} */ request, /** @type {Reply} */ reply) => {
    const { workloadId } = request;
    const { status, headers, body, internal } = describeFailure(asKnown(error, config), workloadId);
    const line = { workloadId, status, ...describeError(error, internal && logger.isLevelEnabled('debug')) };
    if (internal) logger.error(line, 'request failed');
    else logger.debug(line, 'request refused');
    return reply.code(status).headers(headers).type('application/json; charset=utf-8').send(body);
  };
}

/** @param {Request} request */
function refuseUnknown(request) {
  const path = request.url.split('?')[0];
  const allowed = kAllowed.find(({ pattern }) => pattern.test(path))?.methods;
  if (allowed)
    throw new HttpError(405, 'ERR_METHOD_NOT_ALLOWED', `this path takes ${allowed}`, { headers: { allow: allowed } });
  throw new HttpError(404, 'ERR_NOT_FOUND', 'there is nothing at this path: GET / lists what there is');
}

/**
 * Counts requests for jobs, and refuses new ones once the server is to stop.
 * @param {import('fastify').FastifyInstance} app
 * @param {State} state
 */
function addGate(app, state) {
  app.addHook('onRequest', async (request, reply) => {
    checkHeaders(request.raw);
    if (state.draining) reply.header('connection', 'close');
    if (request.method !== 'POST' && request.method !== 'PUT') return;
    if (state.draining) throw new HttpError(503, 'ERR_CLOSED', 'the server is stopping: it takes no new jobs');
    ++state.jobs;
    whenGone(reply, () => {
      if (--state.jobs === 0) state.onIdle?.();
    });
  });
}

/**
 * Answers that come before their request has: the connection stays open until everything has come, whatever fastify and
 * the client say.
 * @param {import('fastify').FastifyInstance} app
 */
function keepOpenForAnswers(app) {
  app.addHook('onSend', async ({ raw }, reply) => {
    if (raw.complete || raw.destroyed || !kEarlyAnswers.has(reply.statusCode)) return;
    reply.removeHeader('connection');
    linger(raw, reply.raw);
  });
}

/**
 * Readiness goes first; requests under way are finished, for as long as the config says; then nothing is listening any
 * more.
 * @param {import('fastify').FastifyInstance} app
 * @param {State} state
 * @param {Sockets} sockets
 * @param {number} timeout ms
 */
async function drain(app, state, sockets, timeout) {
  state.draining = true;
  for (const end of [...state.onDrain]) end();
  await Promise.all([requestsEnd(state, timeout), sockets.close(timeout)]);
  const closed = app.close();
  // Connections that are idle are closed by now; others have a moment for the end of what they read.
  setTimeout(() => app.server.closeAllConnections(), state.jobs > 0 ? 0 : 500).unref();
  await closed;
}

/**
 * @param {State} state
 * @param {number} timeout ms
 * @returns {Promise<void>} resolves when no request for a job is under way, or the time is up
 */
function requestsEnd(state, timeout) {
  if (state.jobs === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeout);
    state.onIdle = () => {
      clearTimeout(timer);
      resolve(undefined);
    };
  });
}

/**
 * The start refuses a certificate that has expired; a worker that is made later goes on with it.
 * @param {HttpConfig} config
 * @param {import('./access/tls').Tls} [before] the pair as it was when it was right
 */
function tlsOf(config, before) {
  try {
    return readTls(config, { evenExpired: true });
  } catch (error) {
    if (before) return before;
    throw error;
  }
}

/**
 * What createServer() gives.
 * @typedef {object} Parts
 * @property {() => Promise<void>} drain
 * @property {import('node:http').Server} rpcServer the port of WebSockets alone, not listening yet
 * @property {Sockets} sockets
 */
/** @typedef {import('fastify').FastifyInstance & Parts} Service */

/**
 * @param {Manager} manager
 * @param {HttpConfig & { timeout: number, logLevel: string }} [config]
 * @param {Logger} [logger]
 * @param {import('../exchange/gate').Door} [door] to the room that workers share; left out: it has one to itself
 * @param {import('./access/last-good').Before} [before] tokens and certificate as they were when they were right, for
 *   where their files are not
 * @returns {Service}
 */
function createServer(
  manager,
  config = readServiceConfig(),
  logger = createLogger(config),
  door = doorHere(new Room(config.answerLimit)),
  before = {},
) {
  /** @type {State} */
  const state = { ready: false, draining: false, jobs: 0, onIdle: undefined, onDrain: new Set() };
  Promise.resolve(manager.ready).then(
    () => {
      state.ready = true;
    },
    () => {},
  );
  const gate = new Gate(door);
  const access = new Access(config, logger, gate, before.tokens);
  const methodParts = makeParts({
    manager: /** @type {import('../index').GPUClusterManager} */ (/** @type {unknown} */ (manager)),
    config,
    logger,
    gate,
  });
  const dispatcher = new Dispatcher(methodParts, () => state.draining);
  const rpc = new (jsonRpc())(dispatcher, logger);
  const agents = new (mcp.mcpReceiver())(rpc, { dispatcher, logger });
  const budget = new Budget(kBodies * config.bodyLimit, kClientBodies * config.bodyLimit);
  const sockets = new Sockets({ config, logger, budget, receivers: { '': rpc, switchyard: rpc, mcp: agents } });
  const onError = errorHandler(config, logger);
  const tls = tlsOf(config, before.tls);
  const { http: times, tls: ofTls, ...options } = serverOptions(config);
  const app = fastify({
    ...options,
    ...(tls ? { https: { ...times, ...ofTls, ...tls } } : { http: times }),
    logger: false,
    bodyLimit: config.bodyLimit,
    forceCloseConnections: 'idle',
    trustProxy: config.trustProxy ?? false,
    routerOptions: { maxParamLength: kEncodedName },
    frameworkErrors: onError,
  });
  limitConnections(app.server, config.maxConnections);
  addAccess(app, access);
  addParsers(app, config, budget);
  addGate(app, state);
  keepOpenForAnswers(app);
  app.setReplySerializer((payload) => `${JSON.stringify(payload)}\n`);
  app.setErrorHandler(onError);
  app.setNotFoundHandler(refuseUnknown);
  addHome(app, kEndpoints);
  const parts = { manager, state, logger, config, gate, dispatcher, rpc, sockets, endpoints: kEndpoints };
  for (const { method, path, body, scope, handler } of kEndpoints) {
    const handle = handler(parts);
    app.route({
      method,
      url: path.replace(/<(\w+)>/g, ':$1'),
      config: { body, scope },
      handler: (request, reply) => within(request.headers, () => handle(request, reply)),
    });
  }
  sockets.attach(app.server, app);
  const rpcServer = makeRpcServer(app, sockets, config, tls);
  const unfollow = followTls(config, logger, (pair) => {
    for (const server of [app.server, rpcServer])
      /** @type {import('node:https').Server} */ (/** @type {unknown} */ (server)).setSecureContext(pair);
  });
  app.addHook('preClose', async () => {
    unfollow();
    rpcServer.close();
    await sockets.close(0);
  });
  app.addHook('onClose', () => methodParts.close());
  /** @type {Promise<void>|undefined} */
  let drained;
  app.decorate('drain', () => (drained ??= drain(app, state, sockets, config.drainTimeout)));
  app.decorate('rpcServer', rpcServer);
  app.decorate('sockets', sockets);
  return /** @type {Service} */ (/** @type {unknown} */ (app));
}

module.exports = { createServer };
