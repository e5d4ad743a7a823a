// A process's tie to its coordinator, which may be in the same process: what is said and asked over the requester's
// channel, and how it ends.
'use strict';
const { native } = require('../../addon');
const { Channel, codec, protocol } = require('../wire');
const { cutId } = require('../journal');
const { LocalExecution, listDevices } = require('./local-execution');
const { Queries } = require('./queries');
const { MetricsBlock, statusPage } = require('../../metrics');
const { GPUError } = require('../../core');

const { inPage } = statusPage;
const { kTypeAt, kNumberAt } = protocol;

/** @typedef {import('../wire/handshake').Invitation} Invitation */
/** @typedef {import('../wire/messages').ToMember} ToMember */
/** @typedef {import('../wire/messages').ToCoordinator} ToCoordinator */
/** @typedef {import('../wire/messages').EventMessage} EventMessage */
/** @typedef {'closed'|'lost'|'misunderstood'} ConnectionEnd lost: with the primary; misunderstood: one of both */
/**
 * What is said with a number that its answer comes back with, without that.
 * @typedef {Omit<import('../wire/messages').ProgramMessage, 'id'>|Omit<import('../wire/messages').QueryMessage, 'id'>
 *   |import('./named-tensors').NameQuestion|import('./shared-resources').HolderQuestion} Question
 */
/**
 * @typedef {object} ConnectionParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {import('./requester').Requester} requester
 * @property {import('./context-registry').ContextRegistry} registry
 * @property {(message: EventMessage) => void} onEvent of the whole cluster
 * @property {(message: import('../wire/operation-messages').ToldMessage) => void} onTold of what others here see to
 * @property {(how: ConnectionEnd, reason: string) => void} onEnd nothing more comes from the coordinator
 * @property {(reason: string) => void} onDismissed this process is to end
 */

class CoordinatorConnection {
  /** @type {Channel|undefined} */
  #channel;
  /** @type {LocalExecution|undefined} */
  #execution;
  /** @type {Float64Array|undefined} */
  page;
  /** @type {ConnectionEnd} */
  #end = 'lost';
  #hasEnded = false;
  #queries = new Queries();
  /** @type {{ resolve: () => void, reject: (error: GPUError) => void }[]} who waits for a connection */
  #early = [];
  /** @type {GPUError|undefined} why there won't be one */
  #failed;
  #isOpening = false;
  #askedBefore = -1;
  #trimmed = false;

  /** @param {ConnectionParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /** The contexts of this process, once it runs jobs. */
  get pool() {
    return this.#execution?.pool;
  }

  /** @param {number} fd connected to the coordinator */
  #open(fd) {
    this.#channel = new Channel(fd, {
      onMessage: (numbers, at, length) => this.#onMessage(numbers, at, length),
      onEnd: () => this.#onEnd(),
      onWrong: (error) => this.#onWrong(error),
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
   * @param {Invitation} invitation
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
    const { key, slot } = /** @type {Invitation} */ (this.invitation);
    const { hello } = protocol;
    const numbers = protocol.begin(protocol.kHello, hello.numbers);
    numbers.set(key, hello.key);
    numbers[hello.slot] = slot;
    numbers[hello.role] = role;
    numbers[hello.protocol] = protocol.kProtocol;
    return numbers;
  }

  /** @param {number} region */
  #usePage(region) {
    this.pageRegion = region;
    this.page = new Float64Array(native.pageBuffer(region));
    this.parts.requester.metrics = MetricsBlock.ofPage(this.page);
  }

  /**
   * Whether the jobs that are asked for from now on run in this very process: then their memory stays where it is.
   * @param {boolean} stays
   */
  lend(stays) {
    this.#channel?.handle.lend(stays);
  }

  /**
   * Lets this process run jobs.
   * @param {number} fd of the executor's connection
   * @param {boolean} exitWhenGone whether the process is to end with its coordinator
   */
  startExecutor(fd, exitWhenGone) {
    const { config, log, registry, requester } = this.parts;
    this.#execution = new LocalExecution({
      config,
      log,
      registry,
      fd,
      exitWhenGone,
      pageRegion: /** @type {number} */ (this.pageRegion),
      page: /** @type {Float64Array} */ (this.page),
      say: (message) => this.say(message),
      announce: () => this.announce(),
    });
    requester.usePool(this.#execution.pool);
    this.#isOpening = true;
    this.#channel?.ref(); // until the contexts are open
    const node = native.numaNode();
    this.say({ type: 'devices', devices: listDevices(log, config), ...(node < 0 ? {} : { node }) });
  }

  /**
   * @param {Float64Array} numbers
   * @param {number} at
   * @param {number} length
   */
  #onMessage(numbers, at, length) {
    codec.checkFromCoordinator(numbers, at, length);
    switch (numbers[at + kTypeAt]) {
      case protocol.kResult:
        this.parts.requester.onResult(numbers, at);
        break;
      case protocol.kLack:
        this.#sendAgain(numbers[at + kNumberAt]);
        break;
      case protocol.kText:
        this.#onWords(codec.decodeToMember(numbers, at));
        break;
      default:
        break; // regions: the addon has seen to them already
    }
  }

  /** @param {number} region of this process that the coordinator could not take over */
  #sendAgain(region) {
    const message = protocol.withNumber(protocol.kRegion, region);
    this.#channel?.post(message, message.length, region);
  }

  /** @param {ToMember} message */
  #onWords(message) {
    switch (message.type) {
      case 'welcome':
        this.#onWelcome(message.page);
        break;
      case 'contexts':
        this.parts.registry.update(message.entries);
        break;
      case 'event':
        this.#onEvent(message);
        break;
      case 'answer':
      case 'answer-error':
        if (this.#queries.onAnswer(message)) this.#channel?.unref();
        break;
      case 'follow':
        this.say(this.parts.requester.follow(message.number, message.id));
        break;
      case 'where':
        this.parts.requester.onWhere(message.number, message.text);
        break;
      case 'own':
      case 'stand-by':
      case 'disown':
      case 'gone':
      case 'spent':
      case 'degrade':
      case 'tell-use':
        this.parts.onTold(message);
        break;
      case 'end':
        this.parts.onDismissed(message.reason);
        break;
      case 'bye':
        this.#onBye(message.reason);
        break;
      case 'trim':
        this.trim();
        break;
      default:
        this.#execution?.onMessage(message);
    }
  }

  /** @param {EventMessage} message */
  #onEvent(message) {
    // The coordinator has read that this process is ready.
    if (this.#isOpening && message.name === 'worker-ready' && message.event.pid === process.pid) {
      this.#isOpening = false;
      this.#channel?.unref();
    }
    this.parts.onEvent(message);
  }

  /**
   * Tells an end that the program wanted, or its own error, from a driver's crash.
   * @param {number} code
   */
  #noteExit = (code) => {
    if (this.page) this.page[inPage.exited] = 1 + code;
  };

  /** @param {number} page */
  #onWelcome(page) {
    this.#usePage(page);
    process.prependListener('exit', this.#noteExit);
    const { address } = /** @type {Invitation} */ (this.invitation);
    this.startExecutor(native.connect(address), true);
    this.#execution?.join(this.#hello(1));
  }

  /**
   * Asks the coordinator for a report, once it can be asked.
   * @template T
   * @param {import('../wire/messages').Report} report
   * @returns {Promise<T>}
   */
  async query(report) {
    if (!this.#channel) await this.connected(); // what is asked later goes later
    const asked = report.what === 'why' ? { ...report, id: cutId(report.id) } : report;
    return this.request({ type: 'query', report: asked });
  }

  /**
   * Says something to the coordinator that it answers.
   * @template T
   * @param {Question} message
   * @returns {Promise<T>}
   */
  request(message) {
    const channel = this.#channel;
    if (!channel || channel.closed)
      return Promise.reject(this.#failed ?? new GPUError('ERR_CLOSED', 'the connection to the coordinator is closed'));
    return this.#queries.ask((id) => {
      channel.ref();
      this.say(/** @type {ToCoordinator} */ ({ ...message, id }));
    });
  }

  /** Whether nothing can be asked any more. */
  get isClosed() {
    return this.#failed !== undefined;
  }

  /** Resolves once the coordinator can be spoken to. @returns {Promise<void>} */
  connected() {
    if (this.#channel) return Promise.resolve();
    if (this.#failed) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => {
      this.#early.push({ resolve: () => resolve(), reject });
    });
  }

  /** @param {GPUError} error there will be no connection, or there was one */
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

  /** @param {ToCoordinator} message */
  say(message) {
    this.#channel?.post(codec.encodeToCoordinator(message));
  }

  /** Gives unused memory of this process back. */
  trim() {
    this.#execution?.pool.trim();
    this.parts.requester.kept.trim();
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

  /** @param {string|undefined} reason the coordinator did not understand this process */
  #onBye(reason) {
    this.#end = reason === undefined ? 'closed' : 'misunderstood';
    if (reason === undefined) return; // what was sent before is still read
    this.parts.log.error({ reason }, 'the coordinator did not understand this process, and has ended its connection');
    this.#onEnd(reason);
  }

  /**
   * The coordinator was not understood: this process leaves the cluster. Its end of the connection is closed with the
   * rest, once its executor has stopped: the coordinator takes its jobs back then, and not before.
   * @param {Error} error
   */
  #onWrong(error) {
    this.parts.log.error(
      { reason: error.message },
      'the coordinator sent a message that is not understood: the connection to it is ended',
    );
    this.drain(error.message);
    this.#end = 'misunderstood';
    this.#onEnd(error.message);
  }

  #onEnd(reason = '') {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const ended = {
      closed: () => new GPUError('ERR_CLOSED', 'the cluster was closed'),
      lost: () => new GPUError('ERR_WORKER_LOST', 'the primary process, and the coordinator with it, has ended'),
      misunderstood: () => new GPUError('ERR_WORKER_LOST', `the connection to the coordinator was ended: ${reason}`),
    }[this.#end]();
    this.parts.requester.end(ended);
    this.#queries.end(ended);
    this.fail(ended);
    this.parts.onEnd(this.#end, reason);
  }

  /**
   * Takes no more jobs of others.
   * @param {string} [reason] the coordinator was not understood
   */
  drain(reason) {
    if (this.page) this.page[inPage.draining] = 1;
    this.#execution?.pool.stop();
    this.say({ type: 'leaving', reason });
    this.#channel?.flush();
  }

  /** Everything it has, after what runs there. */
  async close() {
    await this.#execution?.close();
    const closed = new GPUError('ERR_CLOSED', 'the manager is closed');
    this.#queries.end(closed);
    this.fail(closed);
    this.#channel?.close();
    process.removeListener('exit', this.#noteExit);
    if (this.invitation && this.pageRegion !== undefined) native.dropPage(this.pageRegion);
  }
}

module.exports = { CoordinatorConnection };
