// A process's tie to its coordinator, which may be in the same process: the requester's channel, the executor and the
// contexts.
'use strict';
const { native } = require('../../addon');
const { devices } = require('../../context');
const { Channel, messages: protocol } = require('../wire');
const { Pool } = require('./pool');
const { Compiler } = require('./compiler');
const { MetricsBlock, statusPage: status } = require('../../metrics');
const { GPUError, asGpuError, nowMs } = require('../../core');
const { setTimeout } = require('node:timers');

/**
 * @typedef {object} ConnectionParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {import('./requester').Requester} requester
 * @property {import('./context-registry').ContextRegistry} registry
 * @property {(name: string, event: any) => void} onEvent of the whole cluster
 * @property {(expected: boolean) => void} onEnd the coordinator has gone
 * @property {(reason: string) => void} onDismissed this process is to end
 */

const kReopenMs = 200; // before the first try to open a context again, then twice as long each time
const kCalmMs = 120000; // after which the next is the first again

class CoordinatorConnection {
  /** @type {Channel|undefined} */
  #channel;
  /** @type {import('../../addon/native').NativeExecutor|undefined} */
  #executor;
  /** @type {Pool|undefined} */
  pool;
  /** @type {Float64Array|undefined} */
  page;
  #expected = false;
  /** @type {Compiler|undefined} */
  #compiler;
  #queries = new Map();
  /** @type {{ resolve: () => void, reject: (error: any) => void }[]} who waits for a connection */
  #early = [];
  /** @type {any} why there won't be one */
  #failed;
  #lastQuery = 0;
  #reopened = 0;
  #reopenedAt = 0;
  #isOpening = false;
  #askedBefore = -1;
  #trimmed = false;
  /** @type {any[]} */
  #plan = [];

  /** @param {ConnectionParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /** @param {number} fd connected to the coordinator */
  #open(fd) {
    this.#channel = new Channel(fd, {
      onMessage: (numbers, at) => this.#onMessage(numbers, at),
      onEnd: () => this.#onEnd(),
      onError: (error) =>
        this.parts.log.error({ reason: String(error?.stack ?? error) }, 'a message could not be handled'),
    });
    for (const { resolve } of this.#early.splice(0)) resolve();
    return this.#channel;
  }

  /**
   * In the process of the coordinator.
   * @param {number} fd
   * @param {number} pageRegion
   */
  openHere(fd, pageRegion) {
    const channel = this.#open(fd);
    this.#usePage(pageRegion);
    native.announce(channel.handle);
    this.parts.requester.connect(channel);
  }

  /**
   * In a worker.
   * @param {import('../wire/handshake').Invitation} invitation
   */
  openThere(invitation) {
    this.invitation = invitation;
    native.setMember(invitation.slot);
    const channel = this.#open(native.connect(invitation.address));
    channel.post(this.#hello(0));
    native.announce(channel.handle);
    channel.sent();
    this.parts.requester.connect(channel);
  }

  /** @param {number} role */
  #hello(role) {
    const { key, slot } = /** @type {import('../wire/handshake').Invitation} */ (this.invitation);
    return new Float64Array([8, protocol.kHello, ...key, slot, role]);
  }

  /** @param {number} region */
  #usePage(region) {
    this.pageRegion = region;
    this.page = new Float64Array(native.pageBuffer(region));
    this.page[status.kPid] = process.pid;
    this.parts.requester.metrics = MetricsBlock.ofPage(this.page);
  }

  /**
   * Lets this process run jobs.
   * @param {number} fd of the executor's connection
   * @param {boolean} exitWhenGone whether the process is to end with its coordinator
   */
  startExecutor(fd, exitWhenGone) {
    // Where the addon looks; the environment wins over the config file, so this changes nothing that is set.
    if (this.parts.config.shaderCacheDir !== undefined) process.env.SHADER_CACHE_DIR = this.parts.config.shaderCacheDir;
    this.#executor = new native.ExecutorHandle(fd, /** @type {number} */ (this.pageRegion), exitWhenGone);
    this.pool = new Pool({
      config: this.parts.config,
      page: /** @type {Float64Array} */ (this.page),
      executor: this.#executor,
      registry: this.parts.registry,
      report: (report) => this.#channel?.postText(report),
    });
    this.parts.requester.usePool(this.pool);
    this.#compiler = new Compiler({
      config: this.parts.config,
      log: this.parts.log,
      contexts: () => this.pool?.contexts ?? [],
      say: (text) => this.say(text),
      announce: () => this.announce(),
    });
    /** @type {import('../../index').DeviceInfo[]} */
    let found;
    try {
      found = devices();
    } catch (error) {
      this.parts.log.error({ reason: asGpuError(error).message }, 'the devices of this machine could not be listed');
      found = [];
    }
    this.#isOpening = true;
    this.#channel?.ref(); // until the contexts are open
    this.#channel?.postText({ type: 'devices', devices: found });
  }

  /**
   * @param {Float64Array} numbers
   * @param {number} at
   */
  #onMessage(numbers, at) {
    switch (numbers[at + 1]) {
      case protocol.kResult:
        this.parts.requester.onResult(numbers, at);
        break;
      case protocol.kText:
        this.#onText(protocol.readJson(numbers, at));
        break;
      default:
        break;
    }
  }

  /** @param {any} text */
  #onText(text) {
    switch (text.type) {
      case 'welcome':
        this.#onWelcome(text.page);
        break;
      case 'plan':
        this.#onPlan(text.contexts, text.cautious);
        break;
      case 'directory':
        this.parts.registry.update(text.entries);
        break;
      case 'event':
        this.#onEvent(text.name, text.event);
        break;
      case 'answer':
        this.#onAnswer(text);
        break;
      case 'reopen':
        this.#reopen(text.index);
        break;
      case 'give-up':
        this.pool?.giveUp(text.index);
        break;
      case 'trim':
        this.trim();
        break;
      case 'compile':
        this.#compiler?.onCompile(text);
        break;
      case 'program-taken':
        this.#compiler?.onTaken(text.number);
        break;
      case 'end':
        this.parts.onDismissed(text.reason);
        break;
      case 'bye':
        this.#expected = true;
        break;
      default:
        break;
    }
  }

  /**
   * @param {string} name
   * @param {any} event
   */
  #onEvent(name, event) {
    // The coordinator has read that this process is ready.
    if (this.#isOpening && name === 'worker-ready' && event.pid === process.pid) {
      this.#isOpening = false;
      this.#channel?.unref();
    }
    this.parts.onEvent(name, event);
  }

  /** @param {number} page */
  #onWelcome(page) {
    this.#usePage(page);
    const { address } = /** @type {import('../wire/handshake').Invitation} */ (this.invitation);
    this.startExecutor(native.connect(address), true);
    /** @type {any} */ (this.#executor).post(this.#hello(1));
  }

  /**
   * @param {import('./pool').PlannedContext[]} plan
   * @param {boolean} cautious
   */
  async #onPlan(plan, cautious) {
    this.#plan = plan;
    const { pool } = this;
    if (!pool) return;
    await pool.open(plan, cautious);
    try {
      await this.#compiler?.warmUp();
    } catch (error) {
      this.parts.log.debug({ reason: asGpuError(error).message }, 'the programs of the last run could not be loaded');
    }
    this.#channel?.postText({ type: 'ready' });
  }

  /**
   * A context of a process that is all there is: a new one takes its place.
   * @param {number} index
   */
  #reopen(index) {
    const planned = this.#plan.find((one) => one.index === index);
    if (!planned || !this.pool) return;
    if (nowMs() - this.#reopenedAt > kCalmMs) this.#reopened = 0;
    this.#reopenedAt = nowMs();
    const wait = kReopenMs * 2 ** Math.min(8, this.#reopened++);
    setTimeout(() => this.pool?.reopen(planned), wait).unref();
  }

  /**
   * Asks the coordinator something in words.
   * @param {string} what
   * @returns {Promise<any>}
   */
  query(what) {
    return this.request({ type: 'query', what });
  }

  /**
   * Says something to the coordinator that it answers.
   * @param {{ type: string } & Record<string, any>} text
   * @returns {Promise<any>}
   */
  request(text) {
    const channel = this.#channel;
    if (!channel || channel.closed)
      return Promise.reject(this.#failed ?? new GPUError('ERR_CLOSED', 'the connection to the coordinator is closed'));
    const id = ++this.#lastQuery;
    return new Promise((resolve, reject) => {
      this.#queries.set(id, { resolve, reject });
      channel.ref();
      channel.postText({ ...text, id });
    });
  }

  /** @param {{ id: number, answer?: any, error?: any }} text */
  #onAnswer({ id, answer, error }) {
    const query = this.#queries.get(id);
    if (!query) return;
    this.#queries.delete(id);
    this.#channel?.unref();
    if (error) query.reject(asGpuError({ ...error, code: error.code ?? 'ERR_INTERNAL' }));
    else query.resolve(answer);
  }

  /** Resolves once the coordinator can be spoken to. @returns {Promise<void>} */
  connected() {
    if (this.#channel) return Promise.resolve();
    if (this.#failed) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => {
      this.#early.push({ resolve: () => resolve(), reject });
    });
  }

  /** @param {any} error there will be no connection, or there was one */
  fail(error) {
    this.#failed = error;
    for (const { reject } of this.#early.splice(0)) reject(error);
  }

  /** Tells the others of shared memory that was made since. */
  announce() {
    if (!this.#channel || this.#channel.closed) return;
    native.announce(this.#channel.handle);
    this.#channel.sent();
  }

  /** @param {object} text to the coordinator */
  say(text) {
    this.#channel?.postText(text);
  }

  /** Gives unused memory of this process back. */
  trim() {
    this.pool?.trim();
    native.trimShared();
    this.announce();
  }

  /** The same for shared memory, when no job was asked for since the last time. */
  trimIdle() {
    const { asked, waiting } = this.parts.requester;
    if (asked === this.#askedBefore && !waiting && !this.#trimmed) {
      this.#trimmed = true;
      native.trimShared();
      this.announce();
    } else if (asked !== this.#askedBefore) {
      this.#trimmed = false;
    }
    this.#askedBefore = asked;
  }

  #onEnd() {
    const ended = new GPUError(
      this.#expected ? 'ERR_CLOSED' : 'ERR_WORKER_LOST',
      this.#expected ? 'the cluster was closed' : 'the primary process, and the coordinator with it, has ended',
    );
    this.parts.requester.end(ended);
    for (const { reject } of this.#queries.values()) reject(ended);
    this.#queries.clear();
    this.fail(ended);
    this.parts.onEnd(this.#expected);
  }

  /** Takes no more jobs of others. */
  drain() {
    if (this.page) this.page[status.kDraining] = 1;
    this.pool?.stop();
    this.#channel?.postText({ type: 'leaving' });
    this.#channel?.flush();
  }

  /** Everything it has, after what runs there. */
  async close() {
    await this.pool?.close();
    this.#executor?.stop(true, this.parts.config.contextSwitchTimeout);
    this.#compiler?.close();
    const closed = new GPUError('ERR_CLOSED', 'the manager is closed');
    for (const { reject } of this.#queries.values()) reject(closed);
    this.#queries.clear();
    this.fail(closed);
    this.#channel?.close();
  }
}

module.exports = { CoordinatorConnection };
