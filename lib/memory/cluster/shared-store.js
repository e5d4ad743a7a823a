// A store that all processes of a cluster call, as this process has it: its calls go to the owner, be that this very
// process or another one, and those that the owner has not answered when it dies go to the next one.
'use strict';
const { randomBytes } = require('node:crypto');
const { setTimeout: wait } = require('node:timers/promises');
const { nextId, settle, track } = require('../../call');
const { asGpuError, GPUError, nowMs, plainError } = require('../../core');
const { connectTo, localRoute, remoteRoute, unreachable } = require('./routes');
const { Server } = require('./server');

/** @typedef {import('./host').StoreHost} StoreHost */
/** @typedef {import('../../cluster/worker/shared-resources').SharedResources} SharedResources */
/** @typedef {import('../../cluster/wire/resource-messages').OwnMessage} OwnMessage */
/** @typedef {import('./host').Opening} Opening */
/** @typedef {Record<string, unknown>} Call */
/**
 * @template [Value=unknown]
 * @typedef {{ value: Value, parts: Uint8Array[] }} Answer
 */
/** @typedef {import('../../index').StoreStats} StoreStats */
/** @typedef {ReturnType<import('../vectors/index-core').IndexCore['stats']>} IndexStats */
/** @typedef {{ store?: StoreStats, indexes?: Record<string, IndexStats> }} News what has changed */
/**
 * @typedef {object} Waiting a call without an answer
 * @property {number} id
 * @property {Call} call
 * @property {readonly ArrayBufferView[]} parts
 * @property {number} deaths of owners that had it
 * @property {number} lastLost the last of their turns
 * @property {boolean} isCanceled nobody waits for it
 * @property {(answer: Answer) => void} resolve
 * @property {(error: unknown) => void} reject
 */
/** @typedef {import('./routes').Route} Route */
/** @typedef {import('./stand-by').StandBy} StandBy */

const kMostDeaths = 20; // of owners by one call: it may be what they die of
const kAgainMs = 5;
const kMissingMs = 60_000; // that an owner may hand over, and listen no more, while the coordinator still names it

class SharedStore {
  #key;
  #resources;
  #openHost;
  #makeStandBy;
  /** @type {StandBy|undefined} while another process owns it */
  #standBy;
  #log;
  /** @type {Route|undefined} */
  #route;
  #isConnecting = false;
  /** @type {Map<number, Waiting>} in the order of the calls */
  #waiting = new Map();
  /** @type {{ host: StoreHost, server: Server, turn: number }|undefined} */
  #owned;
  #from = randomBytes(8).toString('hex');
  #writes = 0;
  /** @type {Set<number>} numbers of writes without an answer */
  #open = new Set();
  #isClosed = true;
  #isOwning = false; // it is being opened here
  /** @type {Opening|undefined} */
  #opening;
  #mayOwn;
  #onIdle;
  #goneTurn = 0; // that of the last owner that has died
  /** @type {{ turn: number, since: number }|undefined} an owner that nobody is found at */
  #missing;
  /** @type {Set<(news: News) => void>} */
  listeners = new Set();
  #handles = 0;
  /** @type {Map<string, { call: Call, count: number }>} what this process has open in it, with how often */
  #uses = new Map();

  /**
   * @param {{ key: string, resources: SharedResources, log: import('../../core/log').Logger, mayOwn: boolean,
   *   openHost: (how: OwnMessage, opening: Opening, standBy: StandBy|undefined) => Promise<StoreHost>,
   *   makeStandBy: () => StandBy, onIdle: () => void }} parts `onIdle`: this process neither has it open nor owns it
   */
  constructor({ key, resources, log, mayOwn, openHost, makeStandBy, onIdle }) {
    this.#key = key;
    this.#resources = resources;
    this.#openHost = openHost;
    this.#makeStandBy = makeStandBy;
    this.#log = log;
    this.#mayOwn = mayOwn;
    this.#onIdle = onIdle;
  }

  /**
   * One handle more.
   * @param {Opening} [opening] of the first one
   */
  retain(opening) {
    this.#handles += 1;
    if (!this.#isClosed) return;
    this.#isClosed = false;
    this.#opening = opening ?? this.#opening;
    this.#resources.hold(this.#key, {
      mayOwn: this.#mayOwn,
      own: (how) => this.#own(how),
      standBy: (how) => (this.#standBy ??= this.#makeStandBy()).follow(how),
      disown: () => this.#disown(),
      gone: (turn) => this.#onGone(turn),
      end: () => this.#end(),
    });
  }

  /** One handle less; of the last one resolves once it is closed, where no other process has it open. */
  async release() {
    if (--this.#handles > 0) return;
    this.#isClosed = true;
    this.#fail(new GPUError('ERR_CLOSED', 'the store is closed'));
    this.#leave();
    await this.#resources.release(this.#key).catch(() => {}); // its coordinator has gone, and closed it
    this.#tellIdle();
  }

  #tellIdle() {
    if (this.#isClosed && !this.#owned && !this.#isOwning) this.#onIdle();
  }

  // ---- calls

  /**
   * @template [Value=unknown]
   * @param {Call} call { name, and what it takes }
   * @param {readonly ArrayBufferView[]} [parts] which nobody changes until the answer has come
   * @returns {Promise<Answer<Value>>}
   */
  call(call, parts = []) {
    const answer = new Promise((resolve, reject) =>
      this.#put({ id: nextId(), call, parts, deaths: 0, lastLost: 0, isCanceled: false, resolve, reject }),
    );
    return /** @type {Promise<Answer<Value>>} */ (answer);
  }

  /**
   * The same with a signal and a time, as a job has them.
   * @template [Value=unknown]
   * @param {Call} call
   * @param {readonly ArrayBufferView[]} parts
   * @param {{ signal?: AbortSignal, timeout?: number }} options
   * @returns {Promise<Answer<Value>>}
   */
  callWithin(call, parts, { signal, timeout }) {
    if (signal === undefined && timeout === undefined) return this.call(call, parts);
    const id = nextId();
    const resolve = (/** @type {Answer} */ answer) => settle(id, undefined, answer);
    const reject = (/** @type {unknown} */ error) => settle(id, error, undefined);
    const tracked = track(id, { signal, timeout }, undefined, asItIs, () => this.#cancel(id));
    this.#put({ id, call, parts, deaths: 0, lastLost: 0, isCanceled: false, resolve, reject });
    return /** @type {Promise<Answer<Value>>} */ (tracked);
  }

  /**
   * A write, which is done once, however often it goes to an owner.
   * @template [Value=unknown]
   * @param {Call} call
   * @param {readonly ArrayBufferView[]} [parts]
   * @returns {Promise<Answer<Value>>}
   */
  async write(call, parts) {
    const number = ++this.#writes;
    this.#open.add(number);
    const [floor] = this.#open; // the first one is the lowest
    try {
      return await this.call({ ...call, mark: { from: this.#from, number, floor } }, parts);
    } finally {
      this.#open.delete(number);
    }
  }

  /**
   * This process has something of the store open, of which the next owner is to be told, too.
   * @param {string} what
   * @param {Call} call by which it is opened
   * @returns {() => boolean} to be called once, at the end: whether it was the last that has it open here
   */
  use(what, call) {
    const use = this.#uses.get(what) ?? { call, count: 0 };
    use.count += 1;
    this.#uses.set(what, use);
    return () => {
      use.count -= 1;
      return use.count === 0 && this.#uses.delete(what);
    };
  }

  /** @param {Waiting} waiting */
  #put(waiting) {
    if (this.#isClosed) {
      waiting.reject(new GPUError('ERR_CLOSED', 'the store is closed'));
      return;
    }
    this.#waiting.set(waiting.id, waiting);
    if (this.#route) this.#send(this.#route, waiting);
    else this.#connect();
  }

  /**
   * @param {Route} route
   * @param {Waiting} waiting
   */
  #send(route, waiting) {
    try {
      route.send(waiting);
    } catch (error) {
      this.#waiting.delete(waiting.id);
      waiting.reject(error);
    }
  }

  // ---- where they go

  async #connect() {
    if (this.#isConnecting) return;
    this.#isConnecting = true;
    try {
      while (!this.#route && this.#waiting.size && !this.#isClosed) {
        const found = await this.#find();
        if (found && found.turn > this.#goneTurn && !this.#isClosed) this.#route = found;
        else found?.close();
      }
      if (this.#route) this.#sendAll(this.#route);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isConnecting = false;
    }
  }

  /** @param {Route} route */
  #sendAll(route) {
    // Nobody waits for the answers: it is opened by the first call, too.
    for (const { call } of this.#uses.values()) route.send({ id: nextId(), call, parts: [] });
    for (const waiting of [...this.#waiting.values()]) this.#send(route, waiting);
  }

  /** @returns {Promise<Route|undefined>} undefined: it has gone, and the coordinator will say who is next */
  async #find() {
    const { address, isMine, turn } = await this.#resources.claim(this.#key);
    const owned = this.#owned;
    if (isMine && owned?.turn === turn) return localRoute(owned.host, turn, this.#heard);
    const socket = isMine ? undefined : await connectTo(address); // its own: it lets go of it
    if (socket) {
      this.#missing = undefined;
      return remoteRoute(socket, turn, this.#heard);
    }
    this.#missing = this.#missing?.turn === turn ? this.#missing : { turn, since: nowMs() };
    if (nowMs() - this.#missing.since > kMissingMs) throw unreachable(address);
    await wait(kAgainMs);
    return undefined;
  }

  /** @type {import('./routes').Heard} */
  #heard = {
    answer: (id, answer) => this.#take(id)?.resolve(answer),
    refuse: (id, error) => this.#take(id)?.reject(error),
    tell: (news) => this.#tell(news),
    lost: (route, error) => {
      if (error) this.#log.error({ reason: error.message }, 'the owner of a store sent a frame that is none');
      if (this.#route === route) this.#onLost(route);
    },
    isIdle: () => this.#waiting.size === 0,
  };

  /** @param {number} turn of an owner that has died, or handed over */
  #onGone(turn) {
    this.#goneTurn = Math.max(turn, this.#goneTurn);
    const route = this.#route;
    if (!route || route.turn > turn) return;
    this.#onLost(route);
    route.close();
  }

  /** @param {Route} route by which all that wait were sent */
  #onLost(route) {
    this.#route = undefined;
    for (const waiting of [...this.#waiting.values()]) {
      // One owner dies once, however many ways to it end.
      if (!route.isMoving && route.turn > waiting.lastLost) waiting.deaths += 1;
      waiting.lastLost = Math.max(route.turn, waiting.lastLost);
      if (waiting.isCanceled) this.#refuseCanceled(waiting.id);
      else if (waiting.deaths >= kMostDeaths)
        this.#take(waiting.id)?.reject(
          new GPUError('ERR_WORKER_LOST', `its owner has died ${kMostDeaths} times while it was called`),
        );
    }
    if (this.#waiting.size) this.#connect();
  }

  /** @param {number} id of a call that nobody waits for: one that no owner has is not sent to the next one */
  #cancel(id) {
    const waiting = this.#waiting.get(id);
    if (waiting) waiting.isCanceled = true;
    if (this.#route) this.#route.cancel(id);
    else this.#refuseCanceled(id);
  }

  /** @param {number} id */
  #refuseCanceled(id) {
    this.#take(id)?.reject(new GPUError('ERR_CANCELED', 'it was given up before an owner had done it'));
  }

  /** @param {number} id of a call that is over */
  #take(id) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  /** The manager is closed, and with it what its processes share. */
  #end() {
    this.#fail(new GPUError('ERR_CLOSED', 'the manager is closed'));
    this.#leave();
  }

  #leave() {
    this.#route?.close();
    this.#route = undefined;
    this.#standBy?.close();
    this.#standBy = undefined;
  }

  /** @param {unknown} error there is no owner, and none will come */
  #fail(error) {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of all) reject(asGpuError(plainError(error)));
  }

  /** @param {News} news */
  #tell(news) {
    for (const listener of this.listeners) listener(news);
  }

  // ---- this process owns it

  /** @param {OwnMessage} how */
  async #own(how) {
    this.#isOwning = true;
    try {
      return await this.#serve(how);
    } finally {
      this.#isOwning = false;
      this.#tellIdle();
    }
  }

  /** @param {OwnMessage} how */
  async #serve(how) {
    const standBy = this.#standBy;
    this.#standBy = undefined;
    standBy?.end();
    const host = await this.#openHost(how, /** @type {Opening} */ (this.#opening), standBy).catch((error) => {
      standBy?.close();
      throw error;
    });
    const server = new Server(host, this.#log);
    try {
      const address = await server.listen(how.folder, how.turn);
      this.#owned = { host, server, turn: how.turn };
      host.useNews((news) => {
        server.tell(news);
        this.#tell(news);
      });
      return address;
    } catch (error) {
      await host.close();
      throw error;
    }
  }

  async #disown() {
    const owned = this.#owned;
    this.#owned = undefined;
    if (!owned) return;
    this.#route = undefined;
    owned.server.pause(); // what is called from now on is the next owner's to do
    try {
      await owned.host.close();
    } catch (error) {
      this.#log.error(
        { reason: error.message },
        'a store was not closed as it should be; what it holds is on the disk',
      );
    } finally {
      await owned.server.close(); // or those who have called would wait for ever
      this.#tellIdle();
    }
  }
}

/** @param {unknown} answer */
const asItIs = (answer) => /** @type {Answer} */ (answer);

module.exports = { SharedStore };
