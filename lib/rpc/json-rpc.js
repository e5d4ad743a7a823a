// JSON-RPC 2.0, as its specification has it: requests, notifications, batches and their answers, whatever door the
// message came by. Beyond it: `$/cancelRequest` cancels, `$/progress` tells how far a call is, `event` is what a
// subscription sends.
'use strict';
const { isObject } = require('../exchange');
const { show } = require('../core');
const { ProtocolError, describeError, kInvalidRequest, kParseError } = require('./errors');

/** @typedef {import('./session').Session} Session */
/** @typedef {import('./session').Id} Id */
/** @typedef {import('./methods').Method} Method */
/** @typedef {import('./dispatcher').Dispatcher} Dispatcher */
/** @typedef {import('../exchange').Section} Section */
/** @typedef {{ jsonrpc: '2.0', id: Id, result?: object, error?: import('./errors').RpcError }} Answer */
/**
 * What is to be sent back.
 * @typedef {object} Reply
 * @property {Answer|Answer[]|undefined} message undefined: there is no answer to notifications
 * @property {readonly ('base64'|undefined)[]} encodings of tensors, of each answer, where it is sent as text
 * @property {() => void} end to be called once it has gone, or nobody waits for it
 * @property {Promise<unknown>} released settles when nothing reads the memory of the request's tensors any more
 */
/**
 * A request, looked at.
 * @typedef {object} Request
 * @property {Id|undefined} id undefined: a notification
 * @property {string} method
 * @property {Record<string, unknown>|unknown[]} params
 */
/**
 * @typedef {{ answer: Answer|undefined, encoding?: 'base64', end?: () => void, released?: Promise<void> }} Outcome
 */

const kMostBatch = 100;
const kMostName = 1024; // characters of an id or a progressToken: each answer and each notification has it in it
const kMetaKey = '_meta';
const kCancel = '$/cancelRequest',
  kProgress = '$/progress';

/**
 * @param {Id} id
 * @param {unknown} error
 * @returns {Answer}
 */
function failure(id, error) {
  return { jsonrpc: '2.0', id, error: describeError(error).error };
}

/**
 * @param {unknown} id
 * @returns {id is Id}
 */
function isId(id) {
  if (typeof id === 'string') return id.length <= kMostName;
  // One beyond comes back as another number, and its client waits for ever.
  return id === null || (typeof id === 'number' && Math.abs(id) <= Number.MAX_SAFE_INTEGER);
}

/**
 * @param {unknown} message
 * @returns {Request}
 * @throws {ProtocolError} it is no request
 */
function readRequest(message) {
  const refuse = (/** @type {string} */ why) => new ProtocolError(kInvalidRequest, why);
  if (!isObject(message)) throw refuse(`a request is ${show(message)}, but must be an object`);
  const { jsonrpc, method, params = {}, id } = message;
  if (jsonrpc !== '2.0') throw refuse(`jsonrpc is ${show(jsonrpc)}, but must be '2.0'`);
  if (id !== undefined && !isId(id))
    throw refuse(
      `id is ${show(id)}, but must be a string of at most ${kMostName} characters, a number from ` +
        `-${Number.MAX_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}, or null`,
    );
  if (typeof method !== 'string') throw refuse(`method is ${show(method)}, but must be a string`);
  if (!isObject(params) && !Array.isArray(params))
    throw refuse(`params is ${show(params)}, but must be an object or an array`);
  return { id, method, params };
}

/**
 * The id that an answer to what may be no request has.
 * @param {unknown} message
 * @returns {Id}
 */
function idOf(message) {
  return isObject(message) && message.id !== undefined && isId(message.id) ? message.id : null;
}

/**
 * Params by position are those of the schema, in its order.
 * @param {Method} method
 * @param {Request['params']} given
 * @returns {{ params: Record<string, unknown>, meta: Record<string, unknown> }}
 */
function paramsOf(method, given) {
  if (!Array.isArray(given)) {
    const { [kMetaKey]: meta, ...params } = given;
    return { params, meta: isObject(meta) ? meta : {} };
  }
  const names = Object.keys(/** @type {object} */ (method.params.properties ?? {}));
  if (given.length > names.length)
    throw new ProtocolError(
      -32602,
      `${method.name} has ${names.length} params (${names.join(', ')}), but ${given.length} are given`,
    );
  return { params: Object.fromEntries(given.map((value, i) => [names[i], value])), meta: {} };
}

/**
 * @param {Record<string, unknown>} meta
 * @returns {import('./call').Meta}
 */
function checkMeta({ progressToken, encoding, idempotencyKey, traceparent, tracestate }) {
  const refuse = (/** @type {string} */ name, /** @type {unknown} */ value, /** @type {string} */ must) =>
    new ProtocolError(-32602, `${kMetaKey}.${name} is ${show(value)}, but must be ${must}`);
  const isName = typeof progressToken === 'string' && progressToken.length <= kMostName;
  if (progressToken !== undefined && !isName && !Number.isSafeInteger(progressToken))
    throw refuse('progressToken', progressToken, `a string of at most ${kMostName} characters or a whole number`);
  if (encoding !== undefined && encoding !== 'base64') throw refuse('encoding', encoding, "'base64', or left out");
  if (
    idempotencyKey !== undefined &&
    !(typeof idempotencyKey === 'string' && /^[\x21-\x7e]{1,128}$/.test(idempotencyKey))
  )
    throw refuse('idempotencyKey', idempotencyKey, '1 to 128 visible characters of ASCII');
  // A trace that can't be read is none: no call fails of it.
  const trace = traceparent === undefined ? {} : { traceparent, tracestate };
  return /** @type {import('./call').Meta} */ ({ progressToken, encoding, idempotencyKey, ...trace });
}

class JsonRpc {
  #dispatcher;
  #logger;

  /**
   * @param {Dispatcher} dispatcher
   * @param {import('../core/log').Logger} logger hears of faults of ours
   */
  constructor(dispatcher, logger) {
    this.#dispatcher = dispatcher;
    this.#logger = logger;
  }

  /**
   * The answer to bytes that could not be read as a message at all.
   * @param {unknown} error
   * @param {Session} session
   * @returns {Promise<Reply>} never rejects
   */
  async unreadable(error, session) {
    const { message } = /** @type {Error} */ (error);
    return replyOf([], await charged(session, failure(null, new ProtocolError(kParseError, message))));
  }

  /**
   * Answers a message, or a batch of them.
   * @param {unknown} message parsed
   * @param {Session} session
   * @param {Section} section what stands behind the header of a frame, or nothing
   * @returns {Promise<Reply>} never rejects
   */
  async receive(message, session, section) {
    if (!Array.isArray(message)) {
      const [outcome] = await this.#all([message], session, section);
      return replyOf([outcome], outcome.answer);
    }
    if (message.length === 0 || message.length > kMostBatch) {
      const why = `a batch has ${message.length} requests, but must have 1 to ${kMostBatch}`;
      return replyOf([], await charged(session, failure(null, new ProtocolError(kInvalidRequest, why))));
    }
    const outcomes = await this.#all(message, session, section);
    const answered = outcomes.filter(({ answer }) => answer);
    return replyOf(
      outcomes,
      answered.length ? answered.map(({ answer }) => /** @type {Answer} */ (answer)) : undefined,
    );
  }

  /**
   * All are looked at before the first one runs, so that bytes of a frame that no tensor claims are seen in time.
   * @param {unknown[]} messages
   * @param {Session} session
   * @param {Section} section
   * @returns {Promise<Outcome[]>} in their order
   */
  async #all(messages, session, section) {
    const looked = messages.map((message) => this.#look(message, session, section));
    if (looked.every(({ failed }) => !failed)) {
      try {
        section.refuseLeftovers();
      } catch (error) {
        return looked.map(({ id }) => ({ answer: id === undefined ? undefined : failure(id, error) }));
      }
    }
    return Promise.all(
      looked.map(async ({ id, failed, run }) => {
        if (failed) return { answer: await charged(session, failed.answer) };
        return run ? run() : { answer: id === undefined ? undefined : { jsonrpc: '2.0', id, result: {} } };
      }),
    );
  }

  /**
   * @param {unknown} message
   * @param {Session} session
   * @param {Section} section
   * @returns {{ id: Id|undefined, failed?: { answer: Answer|undefined }, run?: () => Promise<Outcome> }}
   */
  #look(message, session, section) {
    /** @type {Request} */
    let request;
    try {
      request = readRequest(message);
    } catch (error) {
      return { id: idOf(message), failed: { answer: failure(idOf(message), error) } };
    }
    const { id } = request;
    if (request.method === kCancel) {
      session.cancel(/** @type {{ id?: unknown }} */ (request.params).id);
      return { id };
    }
    try {
      const method = this.#dispatcher.method(request.method);
      const { params, meta: given } = paramsOf(method, request.params);
      const meta = checkMeta(given);
      const options = { caller: session.caller, section, session: session.notify && session, meta };
      this.#dispatcher.prepare(method, params, options);
      return { id, run: () => this.#run(id, method, params, session, options) };
    } catch (error) {
      return { id, failed: { answer: id === undefined ? undefined : this.#failure(id, error) } };
    }
  }

  /**
   * @param {Id|undefined} id
   * @param {Method} method
   * @param {object} params
   * @param {Session} session
   * @param {import('./call').CallOptions & { meta: import('./call').Meta }} options
   * @returns {Promise<Outcome>}
   */
  async #run(id, method, params, session, options) {
    const { progressToken } = options.meta;
    const { notify } = session;
    const onProgress =
      progressToken === undefined || !notify
        ? undefined
        : (/** @type {object} */ progress) => notify(kProgress, { token: progressToken, ...progress });
    /** @type {{ signal: AbortSignal, done: () => void }|undefined} */
    let begun;
    try {
      begun = session.begin(id);
      const { result, end } = await this.#dispatcher.run(method, params, {
        ...options,
        signal: begun.signal,
        onProgress,
      });
      // A job's own options may have said it, too.
      const { encoding } = options.meta;
      if (id !== undefined) return { answer: { jsonrpc: '2.0', id, result }, encoding, end };
      end();
      return { answer: undefined };
    } catch (error) {
      const answer = this.#failure(id ?? null, error);
      const { released } = /** @type {{ released?: Promise<void> }} */ (error);
      return { answer: id === undefined ? undefined : answer, released };
    } finally {
      begun?.done();
    }
  }

  /**
   * @param {Id} id
   * @param {unknown} error
   * @returns {Answer}
   */
  #failure(id, error) {
    const described = describeError(error);
    if (described.internal) {
      const { describeError: logged } = require('../core');
      this.#logger.error(logged(error, this.#logger.isLevelEnabled('debug')), 'a call failed');
    }
    return { jsonrpc: '2.0', id, error: described.error };
  }
}

/**
 * What is wrong counts as a request, too: nobody sends it without end for nothing.
 * @param {Session} session
 * @param {Answer|undefined} answer undefined: there is none to a notification
 * @returns {Promise<Answer|undefined>} the same, or that the quota is used up
 */
async function charged({ caller }, answer) {
  try {
    await caller.charge?.();
    return answer;
  } catch (error) {
    return answer && failure(answer.id, error);
  }
}

/**
 * @param {Outcome[]} outcomes
 * @param {Answer|Answer[]|undefined} message
 * @returns {Reply}
 */
function replyOf(outcomes, message) {
  return {
    message,
    encodings: outcomes.filter(({ answer }) => answer).map(({ encoding }) => encoding),
    end: () => {
      for (const { end } of outcomes) end?.();
    },
    released: Promise.allSettled(outcomes.map(({ released }) => released)),
  };
}

module.exports = { JsonRpc, checkMeta, isId, kCancel, kProgress, kMostBatch };
