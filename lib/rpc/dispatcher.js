// The dispatcher: a method by its name, for whichever door has read the call. It looks up, checks scope and params,
// reads tensors, runs, and takes room for the answer.
'use strict';
const { GPUError, nowMs, show, suggestion } = require('../core');
const { takeRoomFor } = require('./answer-room');
const { Call } = require('./call');
const { ProtocolError, kMethodNotFound } = require('./errors');
const { methods } = require('./methods');
const { runOnce } = require('./repeats');
const { readTensors } = require('./tensors');
const { checkParams } = require('./validate');

/** @typedef {import('./methods').Method} Method */
/** @typedef {import('./parts').Parts} Parts */
/** @typedef {import('./call').CallOptions} CallOptions */

class Dispatcher {
  #parts;
  #isClosing;

  /**
   * @param {Parts|(() => Parts|Promise<Parts>)} parts what methods work with; a function: made at the first call
   * @param {() => boolean} [isClosing] whether no more calls are taken
   */
  constructor(parts, isClosing = () => false) {
    this.#isClosing = isClosing;
    this.#parts = typeof parts === 'function' ? once(parts) : () => parts;
  }

  /**
   * @param {string} name
   * @returns {Method}
   * @throws {ProtocolError} there is no such method
   */
  method(name) {
    const method = methods.get(name);
    if (!method)
      throw new ProtocolError(
        kMethodNotFound,
        `there is no method ${show(name)}${suggestion(name.slice(0, 64), methods.keys())}`,
        'ERR_NOT_FOUND',
      );
    return method;
  }

  /**
   * What is wrong with a call that can be seen before anything runs: its tensors are read in the places of params.
   * @param {Method} method
   * @param {unknown} params
   * @param {CallOptions} options
   * @throws {GPUError|import('../exchange').HttpError} ERR_INVALID_ARGUMENT, ERR_UNAUTHORIZED, ERR_FORBIDDEN,
   *   ERR_UNSUPPORTED
   */
  prepare(method, params, { caller, section, session }) {
    const { HttpError, Section, refuseForbiddenKeys } = require('../exchange');
    const { name, scope } = method;
    if (this.#isClosing()) throw new GPUError('ERR_CLOSED', 'the server is stopping: it takes no more calls');
    if (caller.isValid?.() === false)
      throw new HttpError(401, 'ERR_UNAUTHORIZED', 'this token is not valid any more', {
        headers: { 'www-authenticate': 'Bearer' },
      });
    if (!caller.allows(scope))
      throw new HttpError(403, 'ERR_FORBIDDEN', `${name} needs the scope '${scope}', which this token does not have`);
    if (method.needsConnection && !session)
      throw new GPUError('ERR_UNSUPPORTED', `${name} needs a connection that stays: call it over a WebSocket`);
    refuseForbiddenKeys(params, 'params');
    checkParams(method.params, params, 'params');
    if (method.tensors) readTensors(/** @type {object} */ (params), method.tensors, section ?? new Section(undefined));
  }

  /**
   * Runs what was prepared.
   * @param {Method} method
   * @param {unknown} params
   * @param {CallOptions} options
   * @returns {Promise<{ result: object, end: () => void }>} end: to be called once the answer has gone, or is given up
   */
  async run(method, params, options) {
    const call = new Call(options);
    try {
      await options.caller.charge?.();
      const parts = await this.#parts();
      if (call.signal.aborted) throw new GPUError('ERR_CANCELED', `${method.name} was canceled before it began`);
      const { within } = require('../tracing');
      const handle = () =>
        timed(method, call, () =>
          within(call.meta, () => method.handler(parts, /** @type {import('./methods').Params} */ (params), call)),
        );
      const key = call.meta.idempotencyKey;
      // What may run twice anyway needs no key.
      const result =
        key === undefined || method.repeatable
          ? await handle()
          : await runOnce(
              parts.gate,
              { client: call.caller.client, key, method: method.name, params },
              call.signal,
              handle,
            );
      await takeRoomFor(parts, call, result);
      return { result, end: () => call.end() };
    } catch (error) {
      call.end();
      throw error;
    }
  }

  /**
   * A whole call: what a door that has read it by itself needs.
   * @param {string} name
   * @param {unknown} params
   * @param {CallOptions} options
   * @returns {Promise<{ result: object, end: () => void }>}
   * @throws {GPUError|ProtocolError|import('../exchange').HttpError} (rejects with) what is wrong with it, or what it
   *   ended with: describeError() says it to a client
   * @example
   * const { result, end } = await dispatcher.call('health', {}, { caller: kLocal });
   */
  async call(name, params, options) {
    const method = this.method(name);
    this.prepare(method, params, options);
    return this.run(method, params, options);
  }
}

/**
 * Counts what a call takes of a token's device time, however it ends: where it isn't known better, all the time that it
 * ran, so that what is canceled or refused late is not free.
 * @template Result
 * @param {Method} method
 * @param {Call} call
 * @param {() => Promise<Result>} run
 */
async function timed({ onDevice }, call, run) {
  const began = nowMs();
  try {
    return await run();
  } finally {
    if (onDevice && !call.isCounted) call.caller.used?.(nowMs() - began);
  }
}

/**
 * @template Made
 * @param {() => Made|Promise<Made>} make
 * @returns {() => Made|Promise<Made>} that makes it at its first call; one that failed is tried again at the next
 */
function once(make) {
  /** @type {Promise<Made>|undefined} */
  let made;
  return () => {
    made ??= Promise.resolve(make()).catch((error) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

module.exports = { Dispatcher };
