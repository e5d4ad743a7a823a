// subscribe: events of the cluster and its metrics, as notifications on a connection. What comes faster than it is read
// is left out, and counted: a slow reader costs a few hundred events, never more.
'use strict';
const { setTimeout, clearTimeout, setInterval, clearInterval } = require('node:timers');
const { GPUError, invalid, show } = require('../../core');
const { hubOf, kOfJobs } = require('./hub');
const { publicPart, figuresFor } = require('./plain');

/** @typedef {import('../methods').Handler} Handler */
/** @typedef {import('../session').Session} Session */
/** @typedef {import('../call').Caller} Caller */
/** @typedef {ReturnType<typeof hubOf>} Hub */

const kMostSubscriptions = 16; // of a connection
const kTogetherMs = 100; // of events go into one notification
const kMostEvents = 256; // of such a time
/** What others spend. @type {ReadonlySet<string>} */
const kOfAdmins = new Set(['budget']);
let last = 0;

/** What is read every so often, in place of being told when it happens. */
/** @type {Readonly<Record<string, (parts: import('../parts').Parts, caller: Caller) => Promise<object>>>} */
const kReadings = {
  metrics: async ({ manager }, caller) => figuresFor(await hubOf(manager).metrics(), caller),
  contexts: async ({ manager }) => publicPart({ contexts: manager.contexts() }),
  health: async ({ manager }) => publicPart(await manager.health()),
  kept: async (parts) => publicPart(await require('./kept').kept(parts)),
};

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
   * @param {Hub} hub
   * @param {string} event
   * @param {import('../call').Caller} caller hears of its own jobs, and of all of them where it may see everything
   */
  listen(hub, event, caller) {
    const ofJobs = kOfJobs.has(event);
    const ofAdmins = kOfAdmins.has(event);
    const end = hub.listen(event, (data, { client }) => {
      if ((!ofJobs && !ofAdmins) || (ofJobs && client === caller.client) || caller.allows('admin'))
        this.#add(event, data);
    });
    this.#ends.push(end);
  }

  /**
   * Tells what `read` gives, now and every so often; what can't be read at a time is left out.
   * @param {string} event
   * @param {() => Promise<object>} read
   * @param {number} interval ms
   */
  watch(event, read, interval) {
    let isAsking = false,
      isOver = false;
    const look = async () => {
      if (isAsking) return;
      isAsking = true;
      await read().then(
        (data) => {
          if (!isOver) this.#add(event, data);
        },
        () => {},
      );
      isAsking = false;
    };
    const timer = setInterval(look, interval);
    timer.unref();
    this.#ends.push(() => {
      isOver = true;
      clearInterval(timer);
    });
    look();
  }

  /**
   * @param {string} event
   * @param {object} data that is public, and nobody changes
   */
  #add(event, data) {
    if (this.#events.length >= kMostEvents) {
      ++this.#dropped;
      return;
    }
    this.#events.push({ event, data });
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
async function subscribe(parts, { events, interval = 5000, cancel }, call) {
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
  const hub = hubOf(parts.manager);
  const leave = hub.subscribe(call.caller.client);
  const subscription = new Subscription(`s${++last}`, (method, params) => notify(method, params));
  const stop = () => {
    subscription.end();
    leave();
    subscriptions.delete(subscription.name);
  };
  try {
    for (const event of events)
      if (Object.hasOwn(kReadings, event))
        subscription.watch(event, () => kReadings[event](parts, call.caller), interval);
      else subscription.listen(hub, event, call.caller);
  } catch (error) {
    stop();
    throw error;
  }
  subscriptions.set(subscription.name, stop);
  return { subscription: subscription.name, active: true };
}

module.exports = { subscribe };
