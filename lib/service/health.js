// The health endpoints: whether the process turns, whether it takes jobs, whether a device computes right, how the
// cluster is.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { HttpError, badRequest } = require('../exchange');
const { kBackends } = require('../core');
const { callerOf } = require('./caller');
const { checkQuery } = require('./query');

/** @typedef {import('./server').Manager} Manager */
/** @typedef {import('./server').State} State */
/** @typedef {import('./server').Health} Health */

const kAnswerMs = 2000;
const kAtWork = ['idle', 'busy'];

/**
 * A primary that doesn't answer is an answer, too: probes have short time-outs of their own.
 * @template Value
 * @param {Promise<Value>} promise
 * @returns {Promise<Value>}
 */
function soon(promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new HttpError(503, 'ERR_TIMEOUT', `the coordinator gave no answer within ${kAnswerMs} ms`)),
      kAnswerMs,
    );
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * Ages in whole milliseconds: nobody needs their millionths.
 * @template Value
 * @param {Value} answer
 * @returns {Value}
 */
function rounded(answer) {
  return JSON.parse(
    JSON.stringify(answer, (key, value) => (typeof value === 'number' && /Ms$/.test(key) ? Math.round(value) : value)),
  );
}

/**
 * @param {Manager} manager
 * @param {State} state
 */
async function readiness(manager, state) {
  if (state.draining) return { status: 'draining' };
  if (!state.ready) return { status: 'starting' };
  const { status, draining } = await soon(manager.health());
  return { status: draining ? 'draining' : status === 'down' ? 'down' : 'ready' };
}

/**
 * @param {Health} health
 * @param {string|undefined} require the kind of context that is asked for
 */
function gpuHealth({ contexts }, require) {
  const passed = contexts
    .filter(
      (context) =>
        context.lastKnownAnswerAgeMs !== null &&
        kAtWork.includes(context.state) &&
        (require === undefined || context.contextType === require),
    )
    .sort((a, b) => Number(a.lastKnownAnswerAgeMs) - Number(b.lastKnownAnswerAgeMs));
  const [best] = passed;
  const shown = contexts.map(({ id, contextType, state, lastKnownAnswerAgeMs }) => ({
    id,
    contextType,
    state,
    lastKnownAnswerAgeMs,
  }));
  if (!best)
    return {
      status: 'down',
      reason: `no ${require ? `${require} ` : ''}context passed its self-test`,
      contexts: shown,
    };
  return {
    status: 'ok',
    contextId: best.id,
    contextType: best.contextType,
    ageMs: best.lastKnownAnswerAgeMs,
    contexts: shown,
  };
}

/** @typedef {(parts: import('./endpoints').Parts) => import('./endpoints').Handler} Endpoint */

/** @type {Endpoint} the process turns */
const live = () => async (request) => {
  checkQuery(request.query, []);
  return { status: 'ok' };
};

/** @type {Endpoint} jobs are taken */
const ready =
  ({ manager, state }) =>
  async (request, reply) => {
    checkQuery(request.query, []);
    const answer = await readiness(manager, state);
    return reply.code(answer.status === 'ready' ? 200 : 503).send(answer);
  };

/** @type {Endpoint} a device computes right */
const gpu =
  ({ manager }) =>
  async (request, reply) => {
    checkQuery(request.query, ['require']);
    const { require } = /** @type {{ require?: string }} */ (request.query);
    if (require !== undefined && !kBackends.includes(/** @type {import('../index').Backend} */ (require)))
      throw badRequest(`the query parameter 'require' must be one of ${kBackends.join(', ')}`);
    const answer = gpuHealth(rounded(await soon(manager.health())), require);
    return reply.code(answer.status === 'ok' ? 200 : 503).send(answer);
  };

/** @type {Endpoint} how the cluster is; who is not known hears that and no more */
const cluster =
  ({ manager }) =>
  async (request, reply) => {
    checkQuery(request.query, []);
    const health = rounded(await soon(manager.health()));
    const { status, draining } = health;
    const isKnown = callerOf(request)?.allows('read');
    return reply.code(status === 'down' ? 503 : 200).send(isKnown ? health : { status, draining });
  };

module.exports = { live, ready, gpu, cluster, soon };
