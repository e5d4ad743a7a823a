// POST /v1/workloads: from a request's body to a job, and from its result to the answer.
'use strict';
const { badRequest } = require('./http-error');
const { parseJson } = require('./json');
const { kType, decodeFrame } = require('./frame');
const { readWorkload } = require('./workload');
const { sendJson, sendBinary, sendPicture, wantsBinary, wantsPicture } = require('./answer');
const { timeoutOf, wishOf } = require('./caps');
const { Delivery } = require('./delivery');
const { signalOf } = require('./gone');
const { checkQuery } = require('./query');
const { openReferences } = require('./references');
const { releaseOutputs } = require('../call');
const { GPUError, nowMs } = require('../core');

/** @typedef {import('fastify').FastifyReply} Reply */
/** @typedef {import('./server').NamedRequest} NamedRequest */
/** @typedef {Awaited<ReturnType<typeof import('./body').readBody>>} Body */

const cluster = /** @type {import('node:cluster').Cluster} */ (/** @type {unknown} */ (require('node:cluster')));
let lastJob = 0;

/** For log lines and answers where the client gave none; unlike any other worker's. */
function makeId() {
  return `http-${cluster.worker?.id ?? 0}-${process.pid}-${++lastJob}`;
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
 * @param {Reply} reply
 * @param {Delivery} delivery
 * @param {import('./answer').Result} result
 * @param {{ binary: boolean, accept: string|undefined, encoding: 'base64'|undefined }} as
 */
async function send(reply, delivery, result, { binary, accept, encoding }) {
  if (wantsPicture(accept, result)) return sendPicture(reply, delivery, result);
  delivery.start();
  return wantsBinary(accept, binary)
    ? sendBinary(reply, delivery, result)
    : sendJson(reply, delivery, result, encoding);
}

/** @param {{ state: string }} context */
function canRunJobs({ state }) {
  return state === 'idle' || state === 'busy';
}

/**
 * Runs a job once there is room for it and for its answer.
 * @param {import('./endpoints').Parts} parts
 * @param {ReturnType<typeof parse>} request
 * @param {string} address of the client
 * @param {AbortSignal} signal
 * @returns {Promise<{ result: import('./answer').Result, pass: import('./gate').Pass|undefined }>} the pass is to be
 *   left once the answer has gone
 */
async function runInTurn({ manager, config, gate }, { workload, options }, address, signal) {
  const timeout = timeoutOf(options, config);
  const wish = wishOf(workload, timeout, address, config, () => manager.contexts().filter(canRunJobs).length);
  if (!wish) return { result: await manager.executeWorkload(workload, { ...options, signal }), pass: undefined };
  const began = nowMs();
  const pass = await gate.enter(wish, signal);
  const waited = Math.round(nowMs() - began);
  const left = timeout === Infinity ? {} : { timeout: Math.max(1, timeout - waited) };
  try {
    const result = await manager.executeWorkload(workload, { ...options, ...left, signal });
    pass.endJob();
    return { result, pass };
  } catch (error) {
    // It was told what was left of the time.
    if (error.code === 'ERR_TIMEOUT' && waited > 0)
      error.message += `; ${waited} of its ${timeout} ms had gone by before, with other requests`;
    const leave = () => pass.leave();
    if (error.released) error.released.then(leave, leave);
    else leave();
    throw error;
  }
}

/**
 * POST /v1/workloads.
 * @param {import('./endpoints').Parts} parts
 * @returns {import('./endpoints').Handler}
 */
function runWorkload(parts) {
  const { logger, config } = parts;
  return async (request, reply) => {
    checkQuery(request.query, []);
    const body = /** @type {Body|undefined} */ (request.body);
    if (!body) throw badRequest('the body is missing, but must be a workload: GET / shows one');
    const { accept, 'content-type': type } = request.headers;
    const binary = type?.toLowerCase().startsWith(kType) ?? false;
    const delivery = new Delivery(reply, config.answerTimeout);
    /** @type {Promise<void>|undefined} */
    let released;
    /** @type {import('../index').SharedTensor[]} */
    let held = [];
    try {
      const parsed = parse(body.content(), binary);
      const { workload, encoding } = parsed;
      const id = (workload.id ??= makeId());
      reply.header('x-workload-id', encodeURIComponent(id));
      /** @type {NamedRequest} */ (request).workloadId = id;
      held = await openReferences(parts.manager, workload, parsed.references);
      const { result, pass } = await runInTurn(parts, parsed, request.ip, signalOf(reply));
      logger.debug(
        { workloadId: id, type: workload.type, contextId: result.contextId, ms: result.timings?.total },
        'job completed',
      );
      // The memory of the outputs goes back then, and not when it is collected.
      delivery.ended.then(() => {
        releaseOutputs(result.outputs);
        pass?.leave();
      });
      if (delivery.isOver) throw new GPUError('ERR_CANCELED', 'the client left');
      return send(reply, delivery, result, { binary, accept, encoding });
    } catch (error) {
      released = error.released;
      throw error;
    } finally {
      const letGo = () => {
        body.release();
        for (const tensor of held) tensor.release();
      };
      // A job that was given up may still be reading that memory.
      if (released) released.then(letGo, letGo);
      else letGo();
    }
  };
}

module.exports = { runWorkload };
