// POST /v1/workloads: from a request's body to a job, and from its result to the answer.
'use strict';
const { badRequest } = require('./http-error');
const { parseJson } = require('./json');
const { kType, decodeFrame } = require('./frame');
const { readWorkload } = require('./workload');
const { sendJson, sendBinary, sendPicture, wantsBinary, wantsPicture } = require('./answer');
const { checkQuery } = require('./query');
const { watchStall } = require('./limits');

/** @typedef {import('fastify').FastifyReply} Reply */
/** @typedef {import('./server').NamedRequest} NamedRequest */
/** @typedef {Awaited<ReturnType<typeof import('./body').readBody>>} Body */

const cluster = /** @type {import('node:cluster').Cluster} */ (/** @type {unknown} */ (require('node:cluster')));
let lastJob = 0;

/** For log lines and answers where the client gave none; unlike any other worker's. */
function makeId() {
  return `http-${cluster.worker?.id ?? 0}-${process.pid}-${++lastJob}`;
}

/** @param {Reply} reply aborts its job when the client leaves before it has its answer */
function signalOf(reply) {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('the client left'));
  });
  return controller.signal;
}

/**
 * @param {Buffer} bytes
 * @param {boolean} binary
 */
function parse(bytes, binary) {
  if (!bytes.length) throw badRequest('the body is empty, but must be a workload: GET / shows one');
  if (!binary) return readWorkload(parseJson(bytes, 'the body'), undefined);
  const { header, section } = decodeFrame(bytes);
  return readWorkload(header, section);
}

/**
 * POST /v1/workloads.
 * @param {import('./endpoints').Parts} parts
 * @returns {import('./endpoints').Handler}
 */
function runWorkload({ manager, logger }) {
  return async (request, reply) => {
    checkQuery(request.query, []);
    const body = /** @type {Body|undefined} */ (request.body);
    if (!body) throw badRequest('the body is missing, but must be a workload: GET / shows one');
    const binary = request.headers['content-type']?.toLowerCase().startsWith(kType) ?? false;
    /** @type {Promise<void>|undefined} */
    let released;
    try {
      const { workload, options, encoding } = parse(body.content(), binary);
      const id = (workload.id ??= makeId());
      reply.header('x-workload-id', encodeURIComponent(id));
      /** @type {NamedRequest} */ (request).workloadId = id;
      const result = await manager.executeWorkload(workload, { ...options, signal: signalOf(reply) });
      logger.debug(
        { workloadId: id, type: workload.type, contextId: result.contextId, ms: result.timings?.total },
        'job completed',
      );
      watchStall(request.raw.socket);
      if (wantsPicture(request.headers.accept, result)) return await sendPicture(reply, result);
      return wantsBinary(request.headers.accept, binary)
        ? sendBinary(reply, result)
        : sendJson(reply, result, encoding);
    } catch (error) {
      released = error.released;
      throw error;
    } finally {
      // A job that was given up may still be reading the body's memory.
      if (released)
        released.then(
          () => body.release(),
          () => body.release(),
        );
      else body.release();
    }
  };
}

module.exports = { runWorkload };
