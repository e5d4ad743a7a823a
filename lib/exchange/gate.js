// A worker's way to the room that all workers share (room.js): a request asks for what it needs, and holds a pass until
// its answer has gone.
'use strict';
const { GPUError } = require('../core');
const { HttpError } = require('./http-error');

/** @typedef {import('./room').Wish} Wish */
/** @typedef {import('./room').Lack} Lack */
/** @typedef {import('./quotas').Limits} Limits */
/**
 * Where the room is: in this process, or in the primary.
 * @typedef {object} Door
 * @property {(number: number, wish: Wish, tell: (lack?: Lack) => void) => void} enter
 * @property {(number: number) => void} endJob
 * @property {(number: number) => void} leave
 * @property {(number: number, token: string, limits: Limits, tell: (wait?: number) => void) => void} charge a request
 *   to a token's quota; `wait`: it is used up, for so many ms
 * @property {(token: string, limits: Limits, ms: number) => void} used of a device
 */
/**
 * What a worker and the primary say to each other, over Node's own channel.
 * @typedef {{ switchyard: 'enter', number: number, wish: Wish }
 *   | { switchyard: 'end-job'|'leave', number: number }
 *   | { switchyard: 'entered', number: number, lack?: Lack }
 *   | { switchyard: 'charge', number: number, token: string, limits: Limits }
 *   | { switchyard: 'charged', number: number, wait?: number }
 *   | { switchyard: 'used', token: string, limits: Limits, ms: number }} Message
 */

/**
 * @param {Lack} lack
 * @param {number} ms that it was waited for
 */
function refusal(lack, ms) {
  const waited = ms > 0 ? `, and none came within ${Math.round(ms)} ms` : '';
  if (lack === 'answers')
    return new HttpError(
      503,
      'ERR_TOO_MANY_ANSWERS',
      `the answers that clients have not read yet leave no room for this one (HTTP_ANSWER_LIMIT)${waited}`,
    );
  const why = {
    many: 'too many requests of this client wait already',
    jobs: `this client has as many jobs under way as it may (HTTP_CLIENT_JOBS, HTTP_CLIENT_COST)${waited}`,
    'own-answers':
      `the answers that this client has not read yet leave it no room for this one (HTTP_ANSWER_LIMIT)` + waited,
  };
  return new HttpError(429, 'ERR_QUEUE_FULL', why[lack]);
}

/** What a request holds. Both are idempotent. */
class Pass {
  #door;
  #number;

  /**
   * @param {Door} door
   * @param {number} number
   */
  constructor(door, number) {
    this.#door = door;
    this.#number = number;
  }

  /** Its job has ended; its answer is still to be read. */
  endJob() {
    this.#door.endJob(this.#number);
  }

  /** It holds nothing any more. */
  leave() {
    this.#door.leave(this.#number);
  }
}

class Gate {
  #door;
  #number = 0;

  /** @param {Door} door */
  constructor(door) {
    this.#door = door;
  }

  /**
   * Waits for room.
   * @param {Wish} wish
   * @param {AbortSignal} signal the client has left
   * @returns {Promise<Pass>} to be left in any case
   * @throws {HttpError|GPUError} (rejects with) 429, 503: there was none in time; ERR_CANCELED
   */
  enter(wish, signal) {
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#door.leave(number);
        reject(new GPUError('ERR_CANCELED', 'the client left'));
      };
      if (signal.aborted) return reject(new GPUError('ERR_CANCELED', 'the client left'));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#door.enter(number, wish, (lack) => {
        signal.removeEventListener('abort', onAbort);
        if (signal.aborted) return;
        if (lack) reject(refusal(lack, lack === 'many' ? 0 : wish.ms));
        else resolve(new Pass(this.#door, number));
      });
      return undefined;
    });
  }

  /**
   * Takes a request from a token's quota.
   * @param {string} token
   * @param {Limits} limits
   * @returns {Promise<void>}
   * @throws {HttpError} (rejects with) 429: it is used up, with when there is more
   */
  charge(token, limits) {
    return new Promise((resolve, reject) => {
      this.#door.charge(++this.#number, token, limits, (wait) => {
        if (wait === undefined) resolve();
        else
          reject(
            new HttpError(429, 'ERR_QUEUE_FULL', "this token's quota of requests or device time is used up for now", {
              retryAfter: wait,
            }),
          );
      });
    });
  }

  /**
   * Milliseconds of a device that a job of a token's took.
   * @param {string} token
   * @param {Limits} limits
   * @param {number} ms
   */
  used(token, limits, ms) {
    this.#door.used(token, limits, ms);
  }
}

/**
 * @param {import('./room').Room} room of this process
 * @returns {Door}
 */
function doorHere(room) {
  const owner = {};
  return {
    enter: (number, wish, tell) => room.enter(owner, number, wish, tell),
    endJob: (number) => room.endJob(owner, number),
    leave: (number) => room.leave(owner, number),
    charge: (_, token, limits, tell) => tell(room.quotas.take(token, limits)),
    used: (token, limits, ms) => room.quotas.used(token, limits, ms),
  };
}

/**
 * The door of a worker whose room is in the primary.
 * @param {(message: Message) => void} send
 * @returns {Door & { onMessage: (message: Message) => void }} which is to be given what the primary says
 */
function doorToPrimary(send) {
  /** @type {Map<number, (lack?: Lack) => void>} */
  const waiting = new Map();
  /** @type {Map<number, (wait?: number) => void>} */
  const charging = new Map();
  return {
    enter(number, wish, tell) {
      waiting.set(number, tell);
      send({ switchyard: 'enter', number, wish });
    },
    endJob: (number) => send({ switchyard: 'end-job', number }),
    leave(number) {
      waiting.delete(number);
      send({ switchyard: 'leave', number });
    },
    charge(number, token, limits, tell) {
      charging.set(number, tell);
      send({ switchyard: 'charge', number, token, limits });
    },
    used: (token, limits, ms) => send({ switchyard: 'used', token, limits, ms }),
    onMessage(message) {
      if (message.switchyard === 'charged') {
        charging.get(message.number)?.(message.wait);
        charging.delete(message.number);
      }
      if (message.switchyard !== 'entered') return;
      const tell = waiting.get(message.number);
      waiting.delete(message.number);
      tell?.(message.lack);
    },
  };
}

/**
 * The primary's side of that.
 * @param {import('./room').Room} room
 * @param {unknown} worker
 * @param {Message} message
 * @param {(message: Message) => void} send to the worker
 */
function answerDoor(room, worker, message, send) {
  if (message.switchyard === 'enter') {
    const { number, wish } = message;
    room.enter(worker, number, wish, (lack) => send({ switchyard: 'entered', number, lack }));
  } else if (message.switchyard === 'end-job') {
    room.endJob(worker, message.number);
  } else if (message.switchyard === 'leave') {
    room.leave(worker, message.number);
  } else if (message.switchyard === 'charge') {
    const { number, token, limits } = message;
    send({ switchyard: 'charged', number, wait: room.quotas.take(token, limits) });
  } else if (message.switchyard === 'used') {
    room.quotas.used(message.token, message.limits, message.ms);
  }
}

module.exports = { Gate, Pass, doorHere, doorToPrimary, answerDoor };
