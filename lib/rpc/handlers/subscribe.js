// subscribe: events of the cluster and its metrics, as notifications on a connection. What comes faster than it is read
// is left out, and counted: a slow reader costs a few hundred events, never more.
'use strict';
const { setTimeout, clearTimeout, setInterval, clearInterval } = require('node:timers');
const { GPUError, invalid, show } = require('../../core');
const { publicPart } = require('./plain');

/** @typedef {import('../methods').Handler} Handler */
/** @typedef {import('../session').Session} Session */

const kMostSubscriptions = 16; // of a connection
const kTogetherMs = 100; // of events go into one notification
const kMostEvents = 256; // of such a time
let last = 0;

class Subscription {
  /** @type {{ event: string, data: object }[]} */
  #events = [];
  #dropped = 0;
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  /** @type {(() => void)[]} */
  #ends = [];
  #notify;

  /**
   * @param {string} name
   * @param {NonNullable<Session['notify']>} notify
   */
  constructor(name, notify) {
    this.name = name;
    this.#notify = notify;
  }

  /**
   * @param {import('../parts').Manager} manager
   * @param {string} event
   */
  listen(manager, event) {
    const emitter = /** @type {import('node:events').EventEmitter} */ (manager);
    const listener = (/** @type {object} */ data) => this.#add(event, data);
    emitter.on(event, listener);
    this.#ends.push(() => emitter.off(event, listener));
  }

  /**
   * @param {import('../parts').Manager} manager
   * @param {number} interval ms
   */
  watchMetrics(manager, interval) {
    let isAsking = false;
    const timer = setInterval(async () => {
      if (isAsking) return;
      isAsking = true;
      await manager.getMetrics().then(
        (metrics) => this.#add('metrics', metrics),
        () => {},
      );
      isAsking = false;
    }, interval);
    timer.unref();
    this.#ends.push(() => clearInterval(timer));
  }

  /**
   * @param {string} event
   * @param {object} data
   */
  #add(event, data) {
    if (this.#events.length >= kMostEvents) {
      ++this.#dropped;
      return;
    }
    this.#events.push({ event, data: publicPart(data) });
    this.#timer ??= setTimeout(() => this.#send(), kTogetherMs);
  }

  #send() {
    this.#timer = undefined;
    const dropped = this.#dropped;
    this.#dropped = 0;
    const events = this.#events.splice(0);
    const isTaken = this.#notify('event', { subscription: this.name, events, ...(dropped ? { dropped } : {}) });
    if (!isTaken) this.#dropped += dropped + events.length; // the next notification says so
  }

  end() {
    clearTimeout(this.#timer);
    for (const each of this.#ends.splice(0)) each();
  }
}

/** @type {Handler} */
async function subscribe({ manager }, { events, interval = 5000, cancel }, call) {
  const session = /** @type {Session} */ (call.session);
  const { subscriptions } = session;
  if ((events === undefined) === (cancel === undefined))
    throw invalid(`events and cancel are ${events ? 'both given' : 'both left out'}: give one of them`, 'events');
  if (cancel !== undefined) {
    const stop = subscriptions.get(cancel);
    if (!stop) throw new GPUError('ERR_NOT_FOUND', `this connection has no subscription ${show(cancel)}`);
    stop();
    return { subscription: cancel, active: false };
  }
  if (subscriptions.size >= kMostSubscriptions)
    throw new GPUError('ERR_QUEUE_FULL', `this connection has ${kMostSubscriptions} subscriptions, which is the most`);
  if (session.closed) throw new GPUError('ERR_CANCELED', 'the connection has ended');
  const notify = /** @type {NonNullable<Session['notify']>} */ (session.notify);
  const subscription = new Subscription(`s${++last}`, (method, params) => notify(method, params));
  for (const event of events)
    if (event === 'metrics') subscription.watchMetrics(manager, interval);
    else subscription.listen(manager, event);
  subscriptions.set(subscription.name, () => {
    subscription.end();
    subscriptions.delete(subscription.name);
  });
  return { subscription: subscription.name, active: true };
}

module.exports = { subscribe };
