// The ways that a process's calls take to the owner of a store: within this process, or over a socket.
'use strict';
const net = require('node:net');
const { asGpuError, GPUError } = require('../../core');
const { Link } = require('./link');

/** @typedef {import('./host').StoreHost} StoreHost */
/** @typedef {Pick<import('./shared-store').Waiting, 'id'|'call'|'parts'>} Sent */
/** @typedef {import('./shared-store').Answer} Answer */
/** @typedef {import('./shared-store').News} News */
/**
 * What the owner sends: news, or the answer to a call; `moves`: it hands over, and says no more.
 * @typedef {{ id: number, value: unknown, error?: import('../../index').ErrorFields, news?: News, moves?: true }} Said
 */
/**
 * @typedef {object} Route
 * @property {number} turn
 * @property {boolean} isMoving its owner hands over: its end is no death
 * @property {(sent: Sent) => void} send
 * @property {(id: number) => void} cancel
 * @property {() => void} close
 */
/**
 * Whom a route tells.
 * @typedef {object} Heard
 * @property {(id: number, answer: Answer) => void} answer
 * @property {(id: number, error: unknown) => void} refuse
 * @property {(news: News) => void} tell
 * @property {(route: Route, error: Error|undefined) => void} lost
 * @property {() => boolean} isIdle no call is without an answer
 */

const kGone = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE']); // an owner that has died, or hands over

/** @param {ArrayBufferView} view */
const bytesOf = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);

/**
 * @param {StoreHost} host
 * @param {number} turn
 * @param {Heard} heard
 * @returns {Route}
 */
function localRoute(host, turn, heard) {
  const who = {};
  return {
    turn,
    isMoving: false,
    send: ({ id, call, parts }) => {
      const whole = /** @type {import('./host').Call} */ (/** @type {unknown} */ ({ ...call, id }));
      host.call(whole, parts.map(bytesOf), who).then(
        ({ value, parts: given = [] }) => heard.answer(id, { value, parts: given.map(bytesOf) }),
        (error) => heard.refuse(id, error),
      );
    },
    cancel: (id) => host.cancel(id, who),
    close: () => host.leave(who),
  };
}

/**
 * @param {import('node:net').Socket} socket
 * @param {number} turn
 * @param {Heard} heard
 * @returns {Route}
 */
function remoteRoute(socket, turn, heard) {
  const link = new Link(socket, {
    onFrame: ({ head, parts, lost }) => {
      const { id, value, error, news, moves } = /** @type {Said} */ (/** @type {unknown} */ (head));
      if (lost) heard.refuse(id, lost);
      else if (moves) route.isMoving = true;
      else if (news) heard.tell(news);
      else if (error) heard.refuse(id, asGpuError(error));
      else heard.answer(id, { value, parts });
      if (heard.isIdle()) link.unref();
    },
    onEnd: (error) => heard.lost(route, error),
  });
  /** @type {Route} */
  const route = {
    turn,
    isMoving: false,
    send: ({ id, call, parts }) => {
      link.ref();
      link.send({ ...call, id }, parts);
    },
    cancel: (id) => link.send({ cancel: id }),
    close: () => link.end(),
  };
  return route;
}

/**
 * @param {string} address
 * @returns {Promise<import('node:net').Socket|undefined>} undefined: nobody listens there
 * @throws {GPUError} ERR_WORKER_LOST: it can't be reached, nor will be
 */
function connectTo(address) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(address);
    const onError = (/** @type {NodeJS.ErrnoException} */ error) => {
      if (kGone.has(String(error.code))) resolve(undefined);
      else reject(unreachable(address, error));
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      socket.off('error', onError);
      resolve(socket);
    });
  });
}

/**
 * @param {string} address
 * @param {Error} [cause]
 */
function unreachable(address, cause) {
  const why = cause ? cause.message : 'nobody listens there';
  return new GPUError('ERR_WORKER_LOST', `the owner of the store can't be reached at '${address}': ${why}`, { cause });
}

module.exports = { localRoute, remoteRoute, connectTo, unreachable };
