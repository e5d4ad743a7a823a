// The handshake over Node's own channel: a cluster worker finds the coordinator in its primary process, and nothing
// else goes that way. What is not of the handshake's shape is left to the application.
'use strict';
/** @type {import('node:cluster').Cluster} */
const cluster = /** @type {import('node:cluster').Cluster} */ (/** @type {unknown} */ (require('node:cluster')));
const { setInterval, clearInterval, setImmediate } = require('node:timers');
const { GPUError } = require('../../core');
const { readHandshake } = require('./codec');
const { kProtocol } = require('./protocol');
const { version } = require('../../../package.json');

/** @typedef {Omit<import('./messages').Welcome, 'type'>} Invitation */
/** @typedef {Omit<import('./messages').Refused, 'type'>} Refusal */
/** @typedef {import('./messages').Hello} Hello */

const kMaxVersion = 100; // characters
const kAgainMs = 50;
/** Turns of this process's loop, not time: while it is blocked, no answer can be read. */
const kTries = 1000 / kAgainMs;
/** Where the primary that has forked it had a coordinator: it is there, whatever keeps it from answering. */
const kTriesOfCoordinator = 30 * kTries;
/** Workers inherit it, and know their primary by its process id. */
const kCoordinatorEnv = 'SWITCHYARD_COORDINATOR';
/** What those hear that were forked while there was one. */
const kNoCoordinator = 'ERR_NOT_FOUND';

let coordinators = 0; // in this process: one may be closing while the next begins

/**
 * In a worker. Resolves to undefined when the primary has no coordinator within a second; one that had a coordinator
 * when it forked this worker is waited for longer.
 * @returns {Promise<Invitation|undefined>}
 */
function askToJoin() {
  return new Promise((resolve, reject) => {
    /** @type {Hello} */
    const message = { type: 'switchyard:hello', version, protocol: kProtocol };
    const hello = () => {
      // a closed channel is no error here
      if (process.connected) process.send?.(message, undefined, {}, () => {});
    };
    const end = () => {
      clearInterval(again);
      hasEnded = true;
      process.removeListener('message', onMessage);
      process.removeListener('disconnect', onDisconnect);
    };
    const onDisconnect = () => {
      end();
      reject(
        new GPUError('ERR_CLOSED', 'the primary process has let go of this worker before it could join the cluster'),
      );
    };
    const onMessage = (/** @type {unknown} */ answer) => {
      const welcome = readHandshake(answer, 'switchyard:welcome');
      const refused = readHandshake(answer, 'switchyard:refused');
      if (welcome) {
        end();
        resolve({ address: welcome.address, key: welcome.key, slot: welcome.slot });
      } else if (refused?.code === kNoCoordinator) {
        end();
        resolve(undefined);
      } else if (refused) {
        end();
        reject(new GPUError(refused.code === 'ERR_CLOSED' ? 'ERR_CLOSED' : 'ERR_UNSUPPORTED', refused.reason));
      }
    };
    const giveUp = () => {
      if (hasEnded) return;
      end();
      resolve(undefined);
    };
    const tries = process.env[kCoordinatorEnv] === String(process.ppid) ? kTriesOfCoordinator : kTries;
    let tried = 0;
    let hasEnded = false;
    const again = setInterval(() => {
      if (++tried < tries) hello();
      else setImmediate(giveUp); // what has come meanwhile is read before
    }, kAgainMs);
    process.prependListener('message', onMessage);
    process.prependListener('disconnect', onDisconnect);
    hello();
  });
}

/**
 * In the primary: answers workers that ask. Everything else on the channel belongs to the application.
 * @param {(workerId: number, pid: number, hello: Hello) => Invitation|Refusal} invite
 * @param {(pid: number|undefined, signal: string|null) => void} onExit a worker process has ended
 * @returns {() => void} ends it
 */
function answerJoining(invite, onExit) {
  /**
   * @param {import('node:cluster').Worker} worker
   * @param {unknown} message
   */
  const onMessage = (worker, message) => {
    const hello = readHandshake(message, 'switchyard:hello');
    if (!hello || hello.version.length > kMaxVersion || !worker.process.pid) return;
    const answer = invite(worker.id, worker.process.pid, hello);
    /** @type {import('./messages').Welcome|import('./messages').Refused} */
    const reply =
      'reason' in answer ? { type: 'switchyard:refused', ...answer } : { type: 'switchyard:welcome', ...answer };
    if (worker.isConnected()) worker.send(reply, () => {});
  };
  /**
   * @param {import('node:cluster').Worker} worker
   * @param {number} _code
   * @param {string|null} signal
   */
  const onWorkerExit = (worker, _code, signal) => onExit(worker.process.pid, signal);
  // Ahead of the application's listeners: one that throws ends an event's round.
  cluster.prependListener('message', onMessage);
  cluster.prependListener('exit', onWorkerExit);
  process.env[kCoordinatorEnv] = String(process.pid);
  ++coordinators;
  return () => {
    cluster.removeListener('message', onMessage);
    cluster.removeListener('exit', onWorkerExit);
    if (--coordinators) return;
    delete process.env[kCoordinatorEnv];
    tellThatItHasGone();
  };
}

/** Workers that know of a coordinator look for it long: as long as there are any, they hear that it has gone. */
function tellThatItHasGone() {
  const told = new Set(Object.keys(cluster.workers ?? {}));
  if (!told.size) return;
  /** @type {import('./messages').Refused} */
  const reply = { type: 'switchyard:refused', code: kNoCoordinator, reason: 'the coordinator has been closed' };
  /**
   * @param {import('node:cluster').Worker} worker
   * @param {unknown} message
   */
  const onMessage = (worker, message) => {
    if (!coordinators && readHandshake(message, 'switchyard:hello') && worker.isConnected())
      worker.send(reply, () => {});
  };
  const onExit = (/** @type {import('node:cluster').Worker} */ { id }) => {
    told.delete(String(id));
    if (told.size) return;
    cluster.removeListener('message', onMessage);
    cluster.removeListener('exit', onExit);
  };
  cluster.prependListener('message', onMessage);
  cluster.prependListener('exit', onExit);
}

module.exports = { askToJoin, answerJoining };
