// POST /v1/workloads: from a request's body to a job, and from its result to the answer.
'use strict';
const { badRequest, parseJson, kType, decodeFrame, readWorkload, runInTurn, openReferences } = require('../exchange');
const { sendJson, sendBinary, sendPicture, wantsBinary, wantsPicture } = require('./answer');
const { callerOf } = require('./caller');
const { Delivery } = require('./delivery');
const { signalOf } = require('./gone');
const { checkQuery } = require('./query');
const { releaseOutputs } = require('../call');
const { accountOf, hubOf } = require('../rpc');
const { GPUError } = require('../core');

/** @typedef {import('fastify').FastifyReply} Reply */
/** @typedef {import('./server').NamedRequest} NamedRequest */
/** @typedef {Awaited<ReturnType<typeof import('./body').readBody>>} Body */

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
    let ended = () => {};
    try {
      const parsed = parse(body.content(), binary);
      const { encoding } = parsed;
      const caller = callerOf(request);
      const { id, inner, end } = hubOf(parts.manager).begin(parsed.workload.id, caller.client);
      ended = end;
      const workload = { ...parsed.workload, id: inner };
      reply.header('x-workload-id', encodeURIComponent(id));
      /** @type {NamedRequest} */ (request).workloadId = id;
      parsed.options.account = accountOf(callerOf(request));
      held = await openReferences(parts.manager, workload, parsed.references);
      const { result, pass } = await runInTurn(parts, { ...parsed, workload }, caller, signalOf(reply));
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
      return send(reply, delivery, { ...result, workloadId: id }, { binary, accept, encoding });
    } catch (error) {
      released = error.released;
      throw error;
    } finally {
      ended();
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
