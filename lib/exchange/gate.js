// A worker's way to the room that all workers share (room.js): a request asks for what it needs, and holds a pass until
// its answer has gone.
'use strict';
const { GPUError, invalid, show } = require('../core');
const { HttpError } = require('./http-error');

/** @typedef {import('./room').Wish} Wish */
/** @typedef {import('./room').Lack} Lack */
/** @typedef {import('./quotas').Limits} Limits */
/** @typedef {import('./keys').KeyedCall} KeyedCall */
/** @typedef {import('./keys').Turn} Turn */
/**
 * Where the room is: in this process, or in the primary.
 * @typedef {object} Door
 * @property {(number: number, wish: Wish, tell: (lack?: Lack) => void) => void} enter
 * @property {(number: number) => void} endJob
 * @property {(number: number) => void} leave
 * @property {(number: number, token: string, limits: Limits, tell: (wait?: number) => void) => void} charge a request
 *   to a token's quota; `wait`: it is used up, for so many ms
 * @property {(token: string, limits: Limits, ms: number) => void} used of a device
 * @property {(number: number, call: KeyedCall, tell: (turn: Turn) => void) => void} ask what a call with a key is to do
 * @property {(number: number, result?: string) => void} done what it has given, as JSON; left out: nothing
 */
/**
 * What a worker and the primary say to each other, over Node's own channel.
 * @typedef {{ switchyard: 'enter', number: number, wish: Wish }
 *   | { switchyard: 'end-job'|'leave', number: number }
 *   | { switchyard: 'entered', number: number, lack?: Lack }
 *   | { switchyard: 'charge', number: number, token: string, limits: Limits }
 *   | { switchyard: 'charged', number: number, wait?: number }
 *   | { switchyard: 'used', token: string, limits: Limits, ms: number }
 *   | { switchyard: 'ask-key', number: number, call: KeyedCall }
 *   | { switchyard: 'key-turn', number: number, turn: Turn }
 *   | { switchyard: 'key-done', number: number, result?: string }} Message
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
   * Runs a call with a key, or gives the answer of the same call, wherever that runs or ran.
   * @param {KeyedCall} call
   * @param {AbortSignal} signal
   * @param {() => Promise<object>} run
   * @returns {Promise<object>}
   * @throws {HttpError|GPUError} (rejects with) ERR_INVALID_ARGUMENT: the key is another call's; ERR_QUEUE_FULL: too
   *   many run; ERR_CANCELED; what the call ends with, which is not kept
   */
  async once(call, signal, run) {
    const number = ++this.#number;
    const turn = await this.#turnOf(number, call, signal);
    if ('refused' in turn) {
      if (turn.refused === 'many')
        throw new HttpError(429, 'ERR_QUEUE_FULL', 'too many calls with an idempotencyKey run at a time');
      throw invalid(`idempotencyKey is ${show(call.key)}, which another call had: each call has a key of its own`);
    }
    if ('result' in turn) return JSON.parse(turn.result);
    try {
      const result = await run();
      this.#door.done(number, JSON.stringify(result));
      return result;
    } catch (error) {
      this.#door.done(number);
      throw error;
    }
  }

  /**
   * @param {number} number
   * @param {KeyedCall} call
   * @param {AbortSignal} signal
   * @returns {Promise<Turn>}
   */
  #turnOf(number, call, signal) {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#door.done(number);
        reject(new GPUError('ERR_CANCELED', 'the client left'));
      };
      if (signal.aborted) return reject(new GPUError('ERR_CANCELED', 'the client left'));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#door.ask(number, call, (turn) => {
        signal.removeEventListener('abort', onAbort);
        resolve(turn);
      });
      return undefined;
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
    ask: (number, call, tell) => room.keys.ask(owner, number, call, tell),
    done: (number, result) => room.keys.done(owner, number, result),
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
  /** @type {Map<number, (turn: Turn) => void>} */
  const asking = new Map();
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
    ask(number, call, tell) {
      asking.set(number, tell);
      send({ switchyard: 'ask-key', number, call });
    },
    done(number, result) {
      asking.delete(number);
      send({ switchyard: 'key-done', number, result });
    },
    onMessage(message) {
      if (message.switchyard === 'key-turn') {
        asking.get(message.number)?.(message.turn);
        asking.delete(message.number);
      }
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
  } else if (message.switchyard === 'ask-key') {
    const { number, call } = message;
    room.keys.ask(worker, number, call, (turn) => send({ switchyard: 'key-turn', number, turn }));
  } else if (message.switchyard === 'key-done') {
    room.keys.done(worker, message.number, message.result);
  }
}

/** What the primary says to a worker's door. */
const kToDoor = new Set(['entered', 'charged', 'key-turn']);

module.exports = { Gate, Pass, doorHere, doorToPrimary, answerDoor, kToDoor };
