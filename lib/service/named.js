// PUT, GET and DELETE /v1/tensors/<name>: the named tensors of the cluster.
'use strict';
const { answerWish, badRequest } = require('../exchange');
const { sendTensor } = require('./answer');
const { discard, readInto } = require('./body');
const { clientName } = require('./caller');
const { Delivery } = require('./delivery');
const { signalOf } = require('./gone');
const { checkQuery } = require('./query');
const { Upload } = require('./upload');
const { checkFreeName, checkTensorName } = require('../call');
const { GPUError } = require('../core');

/** @typedef {import('./endpoints').Parts} Parts */
/** @typedef {import('./endpoints').Handler} Handler */
/** @typedef {import('./body').BodyOptions} BodyOptions */
/** @typedef {{ stream: import('node:stream').Readable, options: BodyOptions }} Unread a body */

/**
 * @param {import('./endpoints').Request} request
 * @param {(name: unknown) => string} [check]
 */
function nameOf(request, check = checkFreeName) {
  checkQuery(request.query, []);
  return check(/** @type {{ name: string }} */ (request.params).name);
}

/**
 * PUT: what arrives goes into shared memory, and is published once it is whole: a request that is cut off changes
 * nothing.
 * @param {Parts} parts
 * @returns {Handler}
 */
function putTensor({ manager, config, logger }) {
  return async (request) => {
    const unread = /** @type {Unread|undefined} */ (request.body);
    if (!unread) throw badRequest('the body is missing, but must be a tensor: docs/http.md says how one is written');
    const { stream, options } = unread;
    let name;
    try {
      name = nameOf(request);
    } catch (error) {
      discard(stream);
      throw error;
    }
    const upload = await readInto(stream, new Upload(options), options);
    try {
      const published = await manager.publish(name, upload.tensor, { limit: config.tensorLimit });
      logger.debug(published, 'tensor published');
      return published;
    } finally {
      upload.release();
    }
  };
}

/**
 * GET: what PUT takes.
 * @param {Parts} parts
 * @returns {Handler}
 */
function getTensor({ manager, config, gate }) {
  return async (request, reply) => {
    const delivery = new Delivery(reply, config.answerTimeout);
    const tensor = await manager.lookup(nameOf(request, checkTensorName));
    /** @type {import('../exchange/gate').Pass|undefined} */
    let pass;
    try {
      const wish = answerWish(tensor.data.byteLength, clientName(request), config);
      if (wish) pass = await gate.enter(wish, signalOf(reply));
    } catch (error) {
      tensor.release();
      throw error;
    }
    delivery.ended.then(() => {
      tensor.release();
      pass?.leave();
    });
    if (delivery.isOver) throw new GPUError('ERR_CANCELED', 'the client left');
    delivery.start();
    return sendTensor(reply, delivery, tensor);
  };
}

/**
 * @param {Parts} parts
 * @returns {Handler}
 */
function deleteTensor({ manager }) {
  return async (request, reply) => {
    const name = nameOf(request);
    if (!(await manager.unpublish(name))) throw new GPUError('ERR_NOT_FOUND', `no tensor is published as '${name}'`);
    return reply.code(204).send();
  };
}

module.exports = { putTensor, getTensor, deleteTensor };
