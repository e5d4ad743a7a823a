// The handshake over Node's own channel: a cluster worker finds the coordinator in its primary process, and nothing
// else goes that way.
'use strict';
/** @type {import('node:cluster').Cluster} */
const cluster = /** @type {any} */ (require('node:cluster'));
const { setInterval, clearInterval, setTimeout, clearTimeout } = require('node:timers');
const { GPUError } = require('../../core');
const { version } = require('../../../package.json');

/** @typedef {{ address: string, key: number[], slot: number }} Invitation */

const kHello = 'switchyard:hello',
  kWelcome = 'switchyard:welcome',
  kRefused = 'switchyard:refused';
const kPatienceMs = 1000;
const kAgainMs = 50;

/** @param {any} message */
function isInvitation(message) {
  return (
    typeof message.address === 'string' &&
    Array.isArray(message.key) &&
    message.key.length === 4 &&
    Number.isInteger(message.slot)
  );
}

/**
 * In a worker. Resolves to undefined when the primary has no coordinator within a second.
 * @returns {Promise<Invitation|undefined>}
 */
function askToJoin() {
  return new Promise((resolve, reject) => {
    const hello = () => {
      // a closed channel is no error here
      if (process.connected) process.send?.({ type: kHello, version }, undefined, {}, () => {});
    };
    const end = () => {
      clearInterval(again);
      clearTimeout(patience);
      process.removeListener('message', onMessage);
      process.removeListener('disconnect', onDisconnect);
    };
    const onDisconnect = () => {
      end();
      reject(
        new GPUError('ERR_CLOSED', 'the primary process has let go of this worker before it could join the cluster'),
      );
    };
    const onMessage = (/** @type {any} */ message) => {
      if (message?.type === kWelcome && isInvitation(message)) {
        end();
        resolve({ address: message.address, key: message.key, slot: message.slot });
      } else if (message?.type === kRefused && typeof message.reason === 'string') {
        end();
        reject(new GPUError(message.code === 'ERR_CLOSED' ? 'ERR_CLOSED' : 'ERR_UNSUPPORTED', message.reason));
      }
    };
    const again = setInterval(hello, kAgainMs);
    const patience = setTimeout(() => {
      end();
      resolve(undefined);
    }, kPatienceMs);
    process.on('message', onMessage);
    process.on('disconnect', onDisconnect);
    hello();
  });
}

/**
 * In the primary: answers workers that ask. Everything else on the channel belongs to the application.
 * @param {(workerId: number, pid: number, version: string) => { refused: string, code?: string }|{ address?: string,
 *   key?: number[], slot?: number }} invite
 * @param {(pid: number|undefined) => void} onExit a worker process has ended
 * @returns {() => void} ends it
 */
function answerJoining(invite, onExit) {
  /**
   * @param {import('node:cluster').Worker} worker
   * @param {any} message
   */
  const onMessage = (worker, message) => {
    if (
      message?.type !== kHello ||
      typeof message.version !== 'string' ||
      message.version.length > 100 ||
      !worker.process.pid
    )
      return;
    const answer = invite(worker.id, worker.process.pid, message.version);
    const reply =
      'refused' in answer
        ? { type: kRefused, reason: answer.refused, code: answer.code }
        : { type: kWelcome, ...answer };
    if (worker.isConnected()) worker.send(reply, () => {});
  };
  const onWorkerExit = (/** @type {import('node:cluster').Worker} */ worker) => onExit(worker.process.pid);
  cluster.on('message', onMessage);
  cluster.on('exit', onWorkerExit);
  return () => {
    cluster.removeListener('message', onMessage);
    cluster.removeListener('exit', onWorkerExit);
  };
}

module.exports = { askToJoin, answerJoining };
