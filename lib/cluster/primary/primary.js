// The primary's side of the cluster: who belongs to it, their channels and contexts, and what everybody has to know.
'use strict';
/** @type {import('node:cluster').Cluster} */
const cluster = /** @type {any} */ (require('node:cluster'));
const { setInterval, clearInterval, setTimeout } = require('node:timers');
const { native } = require('../../addon');
const { Channel, messages: protocol } = require('../wire');
const { Listener } = require('./listener');
const { Coordinator } = require('./coordinator');
const { Member, ContextView, Speeds, kMissedBeats } = require('./member');
const { Metrics } = require('../../metrics');
const { Regions } = require('./shared-regions');
const { Starts } = require('./starts');
const { countedNames } = require('../../call');
const { ProgramService } = require('./program-service');
const { nowMs } = require('../../core');
const { version } = require('../../../package.json');

/** @typedef {import('../../index').DeviceInfo} DeviceInfo */
/**
 * @typedef {object} PrimaryParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {(name: string, event: () => any) => void} emit
 * @property {() => boolean} isStandalone whether this process is all there is
 */

const kMaxMembers = 254; // slots from 1 on; 0 is this process, the last is for a member that does not know its own yet
const kStartMs = 10000; // a worker that has no context after this long is ended
const kHalfOpenMs = 1000; // between the ends of a member's two channels
const kTickMs = 1000;
const kPressure = 0.9,
  kPressureOver = 0.75; // of a context's limit in use
// a context that can't be opened for these can't be later
const kHopeless = new Set(['ERR_UNSUPPORTED', 'ERR_INVALID_ARGUMENT']);

class Primary {
  /** @type {Map<number, Member>} by slot */
  members = new Map();
  /** @type {Map<number, Member>} expected or there, by process */
  #pids = new Map();
  #listener;
  /** @type {Record<string, number>} */
  restarts = {};
  #starts;
  /** @type {ContextView[]} */
  #contexts = [];
  /** @type {Set<string>} of contexts there have been */
  #types = new Set();
  #directoryStale = false;
  #tick;
  #closed = false;

  /** @param {PrimaryParts} parts */
  constructor({ config, log, emit, isStandalone }) {
    this.config = config;
    this.log = log;
    this.emit = emit;
    this.isStandalone = isStandalone;
    this.#listener = new Listener({
      find: (pid, slot) => {
        const member = this.#pids.get(pid);
        return member?.slot === slot ? member : undefined;
      },
      handlers: (member, role) => this.#handlers(member, role),
      onJoined: (member, role, channel) =>
        role === 'ask' ? this.#listenToAsk(member, channel) : this.#listenToRun(member, channel),
      onError: (error) => this.#onError(error),
    });
    this.regions = new Regions();
    this.metrics = new Metrics({ now: nowMs, workloads: [...countedNames] });
    this.speeds = new Speeds();
    this.#starts = new Starts({ config, log });
    this.coordinator = new Coordinator({
      config,
      log,
      metrics: this.metrics,
      speeds: this.speeds,
      emit,
      contexts: () => this.#contexts,
      onStuck: (context, job) => this.#stuck(context.owner, context, job),
      onContextLost: (context, message) => this.#contextLost(context, message),
      onStopped: (member) => {
        if (!member.inProcess) this.#leave(member, 'exit');
      },
      mayHave: (job) => this.#mayHave(job),
    });
    this.programs = new ProgramService({
      config,
      log,
      emit,
      metrics: this.metrics,
      workers: () => this.workers,
    });
    this.#tick = setInterval(() => this.#onTick(), kTickMs);
    this.#tick.unref();
  }

  get contexts() {
    return this.#contexts;
  }

  /** @returns {Member[]} those with a process */
  get workers() {
    return [...this.members.values()].filter(({ state }) => state !== 'gone');
  }

  // ---- members come

  #freeSlot() {
    for (let slot = 1; slot <= kMaxMembers; ++slot) if (!this.members.has(slot)) return slot;
    return -1;
  }

  /** This process itself, which may ask and, where it is alone, run. @param {number} workerId */
  addSelf(workerId) {
    const member = new Member({
      slot: 0,
      workerId,
      pid: process.pid,
      inProcess: true,
      maxConcurrent: this.config.maxConcurrent,
    });
    this.members.set(0, member);
    native.setMember(0);
    const [here, there] = native.makePair();
    this.#listenToAsk(member, new Channel(here, this.#handlers(member, 'ask')));
    return { member, fd: there };
  }

  /** Lets this process run jobs: the other end of the executor's connection. */
  addOwnExecutor() {
    const member = /** @type {Member} */ (this.members.get(0));
    const [here, there] = native.makePair();
    member.run = new Channel(here, this.#handlers(member, 'run'));
    member.state = 'starting';
    member.joinedAt = nowMs();
    this.metrics.attach(0, member.page);
    return there;
  }

  /**
   * A worker has said hello over Node's own channel: what it needs to connect, or why it may not.
   * @param {number} workerId
   * @param {number} pid
   * @param {string} theirs version
   */
  invite(workerId, pid, theirs) {
    if (theirs !== version)
      return {
        refused: `the primary process runs switchyard ${version}, this worker ${theirs}: install one version for both`,
      };
    if (this.#closed || this.coordinator.closing) return { refused: 'the cluster is being closed', code: 'ERR_CLOSED' };
    let member = this.#pids.get(pid);
    if (!member) {
      const slot = this.#freeSlot();
      if (slot < 0) return { refused: `a cluster has at most ${kMaxMembers} workers` };
      member = new Member({ slot, workerId, pid, inProcess: false, maxConcurrent: this.config.maxConcurrent });
      this.members.set(slot, member);
      this.#pids.set(pid, member);
      this.metrics.attach(slot, member.page);
    }
    return { ...this.#listener.open(), slot: member.slot };
  }

  /**
   * @param {Member} member
   * @param {'ask'|'run'} role
   */
  #handlers(member, role) {
    return {
      /** @type {import('../wire/channel').OnMessage} */
      onMessage: (numbers, at, length) => {
        if (role === 'ask') this.#onAskMessage(member, numbers, at, length);
        else this.#onRunMessage(member, numbers, at);
      },
      onEnd: () => this.#onEnd(member, role),
      onError: (/** @type {any} */ error) => this.#onError(error),
    };
  }

  /** @param {any} error */
  #onError(error) {
    this.log.error({ reason: String(error?.stack ?? error) }, 'a message could not be handled');
  }

  /**
   * @param {Member} member
   * @param {Channel} channel
   */
  #listenToAsk(member, channel) {
    member.ask = channel;
    if (member.inProcess) return;
    channel.post(new Float64Array([3, protocol.kRegion, member.pageRegion]), 3, member.pageRegion);
    channel.postText({ type: 'welcome', page: member.pageRegion, workerId: member.workerId });
    channel.post(this.#directoryMessage()); // its jobs may run on others' contexts before it has any
  }

  /**
   * @param {Member} member
   * @param {Channel} channel
   */
  #listenToRun(member, channel) {
    member.run = channel;
    this.regions.tellAll(member);
    if (member.devices.length) this.#sendPlan(member);
  }

  // ---- messages

  /**
   * @param {Member} member
   * @param {Float64Array} numbers
   * @param {number} at
   * @param {number} length
   */
  #onAskMessage(member, numbers, at, length) {
    switch (numbers[at + 1]) {
      case protocol.kAsk:
        this.coordinator.onAsk(member, numbers, at);
        this.#dispatchSoon();
        break;
      case protocol.kCancel:
        this.coordinator.onCancel(member, numbers[at + 2]);
        break;
      case protocol.kCopied:
        this.coordinator.onCopied(member, numbers[at + 2]);
        break;
      case protocol.kRegion:
        this.regions.made(numbers[at + 2], member, this.workers);
        break;
      case protocol.kDrop:
        this.regions.dropped(numbers[at + 2], this.workers);
        break; // to its maker's executor, too
      case protocol.kText:
        if (length >= 3) this.onText(member, protocol.readJson(numbers, at));
        break;
      default:
        break;
    }
  }

  /**
   * @param {Member} member
   * @param {Float64Array} numbers
   * @param {number} at
   */
  #onRunMessage(member, numbers, at) {
    if (numbers[at + 1] !== protocol.kDone) return;
    this.coordinator.onDone(member, numbers, at);
    this.#dispatchSoon();
  }

  #dispatchPending = false;

  /** Once for all messages that came together. */
  #dispatchSoon() {
    if (this.#dispatchPending) return;
    this.#dispatchPending = true;
    queueMicrotask(() => {
      this.#dispatchPending = false;
      this.coordinator.dispatch();
    });
  }

  /**
   * What a member says in words.
   * @param {Member} member
   * @param {any} text
   */
  onText(member, text) {
    switch (text.type) {
      case 'devices':
        member.devices = text.devices;
        if (member.run) this.#sendPlan(member);
        break;
      case 'context':
        this.#contextReady(member, text);
        break;
      case 'context-failed':
        this.#contextFailed(member, text);
        break;
      case 'context-lost': {
        const context = member.contexts.find(({ index }) => index === text.index);
        if (context) this.#contextLost(context, text.message ?? 'its device was lost');
        break;
      }
      case 'context-stuck':
        this.#stuck(
          member,
          member.contexts.find(({ index }) => index === text.index),
        );
        break;
      case 'ready':
        member.isOpened = true;
        this.#memberOpened(member);
        break;
      case 'cleanup':
        for (const other of this.workers) if (other !== member) other.ask?.postText({ type: 'trim' });
        break;
      case 'leaving':
        this.#leave(member, 'left');
        break;
      case 'program':
        this.programs.onRequest(member, text);
        break;
      case 'compiled':
        if (text.problems) this.programs.onProblems(text.problems);
        this.programs.compilations.onCompiled(member, text);
        break;
      case 'program-problems':
        this.programs.onProblems(text.problems);
        break;
      case 'program-uses':
        this.programs.compilations.countUses(text.uses);
        break;
      case 'query':
        Promise.resolve()
          .then(() => this.answer?.(text.what))
          .then(
            (answer) => member.ask?.postText({ type: 'answer', id: text.id, answer }),
            (error) =>
              member.ask?.postText({
                type: 'answer',
                id: text.id,
                error: { code: error.code, message: error.message },
              }),
          );
        break;
      default:
        break;
    }
  }

  /** @type {((what: string) => any)|undefined} what members ask beside jobs; set by the manager */
  answer;

  /** @param {Member} member */
  #sendPlan(member) {
    member.state = 'starting';
    this.#starts.plan(member, [...this.members.values()]);
    member.ask?.postText({ type: 'plan', contexts: member.plan, cautious: this.#starts.isSuspicious });
  }

  /**
   * @param {Member} member
   * @param {{ index: number, device: DeviceInfo }} text
   */
  #contextReady(member, { index, device }) {
    const plan = member.plan.find((one) => one.index === index);
    if (!plan || member.state === 'leaving' || member.state === 'gone') return;
    const view = new ContextView(member, plan, device, this.speeds);
    member.contexts = [...member.contexts.filter((other) => other.index !== index), view];
    this.#types.add(view.type);
    if (view.canDraw) this.#types.add(`${view.type} draws`);
    this.#starts.opened(device.id);
    this.#contextsChanged();
    this.log.debug({ worker: member.workerId, context: view.id, device: device.name }, 'a context is ready');
    this.#dispatchSoon();
    if (member.isOpened) this.#memberOpened(member);
  }

  /**
   * What may be better at the next try is tried again; a lost device is a matter for a new process.
   * @param {Member} member
   * @param {{ index: number, id: string, code: string, message: string }} text
   */
  #contextFailed(member, { index, id, code, message }) {
    this.log.warn({ worker: member.workerId, context: id, code, reason: message }, 'a context could not be opened');
    if (code === 'ERR_DEVICE_LOST' && !member.inProcess) this.#dismiss(member, 'device-lost');
    else if (kHopeless.has(code)) member.hopeless.add(index);
    else member.ask?.postText({ type: 'reopen', index });
  }

  /**
   * Every context was tried: ready, unless none is open and one may still be.
   * @param {Member} member
   */
  #memberOpened(member) {
    if (member.contexts.length || member.plan.every(({ index }) => member.hopeless.has(index)))
      this.#memberReady(member);
  }

  /** @param {Member} member */
  #memberReady(member) {
    if (member.state !== 'starting') return;
    member.state = 'ready';
    member.wasReady = true;
    this.#contextsChanged();
    this.coordinator.refuseUnsupported();
    this.programs.compilations.onWorkerReady();
    const startedIn = Math.round(nowMs() - member.joinedAt);
    this.log.info(
      { worker: member.workerId, contexts: member.contexts.map(({ id }) => id), startedInMs: startedIn },
      'a worker is ready',
    );
    this.tellAll('worker-ready', {
      workerId: member.workerId,
      pid: member.pid,
      contexts: member.contexts.map(({ id }) => id),
    });
    this.#dispatchSoon();
  }

  #contextsChanged() {
    this.#contexts = this.workers.flatMap(({ contexts }) => contexts);
    this.#directoryStale = true;
    this.tellDirectory();
  }

  /**
   * A worker that comes may bring any type; one that was there may come back with its worker.
   * @param {{ contextType: string, kind: string }} job
   */
  #mayHave({ contextType, kind }) {
    const types = contextType === 'gpu' ? ['cuda', 'vulkan'] : contextType ? [contextType] : ['cuda', 'vulkan', 'cpu'];
    if (types.some((type) => this.#types.has(kind === 'render' ? `${type} draws` : type))) return true;
    const executing = this.workers.filter(
      ({ slot, run, state }) => slot > 0 || run !== undefined || state !== 'joining',
    );
    return !executing.length || executing.some(({ state }) => state === 'joining' || state === 'starting');
  }

  /** @type {(() => any[])|undefined} set by the manager: the contexts in the public words */
  describe;

  #directoryMessage() {
    return protocol.textMessage({ type: 'directory', entries: this.describe?.() ?? [] });
  }

  /** Every member learns which contexts there are: before any result that names one. */
  tellDirectory() {
    const message = this.#directoryMessage();
    for (const member of this.members.values()) member.ask?.post(message);
    this.#directoryStale = false;
  }

  /**
   * An event that every manager of the cluster gives its listeners.
   * @param {string} name
   * @param {any} event
   */
  tellAll(name, event) {
    const message = protocol.textMessage({ type: 'event', name, event });
    for (const member of this.members.values()) member.ask?.post(message);
  }

  // ---- contexts and members go

  /**
   * @param {ContextView} context
   * @param {string} message
   */
  #contextLost(context, message) {
    if (context.isLost) return;
    context.isLost = true;
    const member = context.owner;
    this.log.error({ worker: member.workerId, context: context.id, reason: message }, 'a context was lost');
    this.#contextsChanged();
    this.tellAll('context-lost', { contextId: context.id, workerId: member.workerId, message });
    if (member.inProcess) {
      member.ask?.postText({ type: 'reopen', index: context.index });
      return;
    }
    // A driver that lost a device seldom recovers inside the process: the worker ends when its other jobs have.
    this.#dismiss(member, 'device-lost');
  }

  /**
   * A job does not stop though it was told to: its process is ended. One that is alone does without the context.
   * @param {Member} member
   * @param {ContextView|undefined} context
   * @param {number} [job]
   */
  #stuck(member, context, job) {
    if (!member.inProcess) {
      if (member.endReason === 'hang') return; // it is on its way
      this.log.error(
        { worker: member.workerId, context: context?.id, job },
        'a job does not stop: its process is ended',
      );
      this.kill(member, 'hang');
      return;
    }
    if (!context || context.isLost) return;
    this.log.error(
      { context: context.id, job },
      'a job does not stop: its context is given up, until this process is started anew',
    );
    context.isLost = true;
    this.#contextsChanged();
    this.tellAll('context-lost', {
      contextId: context.id,
      workerId: member.workerId,
      message: 'a job there does not stop',
    });
    member.ask?.postText({ type: 'give-up', index: context.index });
    this.coordinator.onGivenUp(context);
  }

  /**
   * Has a worker end when the jobs that run there have, or its patience is at an end.
   * @param {Member} member
   * @param {string} reason
   */
  #dismiss(member, reason) {
    if (member.state === 'leaving' || member.state === 'gone') return;
    this.#leave(member, reason);
    member.ask?.postText({ type: 'end', reason });
    setTimeout(() => this.kill(member, reason), this.config.contextSwitchTimeout).unref();
  }

  /**
   * It gets no more jobs.
   * @param {Member} member
   * @param {string} reason
   */
  #leave(member, reason) {
    if (member.state === 'leaving' || member.state === 'gone') return;
    member.state = 'leaving';
    member.endReason ||= reason;
    this.#contextsChanged();
  }

  /**
   * @param {Member} member
   * @param {string} reason
   */
  kill(member, reason) {
    if (member.state === 'gone' || member.inProcess) return;
    member.endReason = reason;
    this.#leave(member, reason);
    // Through its own object, which knows when it has ended: its number may be another process's by then.
    this.#processOf(member)?.process.kill('SIGKILL');
  }

  /** @param {Member} member */
  #processOf(member) {
    return Object.values(cluster.workers ?? {}).find((worker) => worker?.process.pid === member.pid);
  }

  /**
   * Node says that a worker has ended; one that had not connected yet is missed by nobody else.
   * @param {number|undefined} pid
   */
  processEnded(pid) {
    const member = pid === undefined ? undefined : this.#pids.get(pid);
    if (member && !member.ask && !member.run) this.#gone(member);
  }

  /**
   * A socket ends when the process has: by then none of its threads touches shared memory any more.
   * @param {Member} member
   * @param {'ask'|'run'} role
   */
  #onEnd(member, role) {
    member[role] = undefined;
    if (!member.ask && !member.run) {
      this.#gone(member);
      return;
    }
    this.#leave(member, 'crash');
    if (member.endReason === 'left') {
      // its manager was closed, the process goes on
      if (role === 'ask') this.coordinator.onMemberLeft(member);
      this.#dispatchSoon();
      return;
    }
    setTimeout(() => {
      if (member.state === 'gone' || (member.ask && member.run)) return;
      this.log.error({ worker: member.workerId }, 'a worker has lost one of its two connections: its process is ended');
      this.kill(member, 'crash');
    }, kHalfOpenMs).unref();
  }

  /** @param {Member} member */
  #gone(member) {
    const wasStarting = !member.wasReady;
    if (this.#processOf(member)?.exitedAfterDisconnect) member.endReason = 'left'; // it, or the primary, has said so
    const expected = this.#closed || this.coordinator.closing || member.endReason === 'left';
    member.state = 'gone';
    this.coordinator.onMemberGone(member);
    this.programs.compilations.onWorkerGone(member, !expected);
    this.metrics.retire(member.slot);
    this.members.delete(member.slot);
    this.#pids.delete(member.pid);
    this.regions.gone(member);
    this.regions.sweep(this.workers, (serial) => this.coordinator.usesMemoryOf(serial));
    native.dropRegion(member.pageRegion);
    this.#contextsChanged();
    if (!expected) {
      const reason = member.endReason || 'crash';
      this.countRestart(reason);
      this.log.warn({ worker: member.workerId, reason }, 'a worker has ended');
      if (wasStarting) this.#starts.failed(member);
    }
    this.tellAll('worker-lost', { workerId: member.workerId, pid: member.pid, reason: member.endReason || 'crash' });
    this.onGone?.(member, wasStarting);
    this.#dispatchSoon();
  }

  /** @type {((member: Member, wasStarting: boolean) => void)|undefined} set by the manager */
  onGone;

  /** @param {string} reason */
  countRestart(reason) {
    this.restarts[reason] = (this.restarts[reason] ?? 0) + 1;
  }

  get avoided() {
    return this.#starts.avoided;
  }

  #onTick() {
    const now = nowMs();
    this.regions.sweep(this.workers, (serial) => this.coordinator.usesMemoryOf(serial));
    this.metrics.sample(now);
    for (const member of this.workers) {
      if (!member.inProcess) this.#watchBeat(member);
      if (member.inProcess && !member.run) continue; // it only coordinates
      const starting = member.state === 'joining' || member.state === 'starting';
      if (starting && now - member.joinedAt >= kStartMs) this.#startedLate(member);
    }
    for (const context of this.#contexts) this.#watchMemory(context);
    if (this.members.size > 1 || this.#directoryStale) this.tellDirectory();
  }

  /**
   * Of a loop that is blocked the executor's thread knows nothing; when that one does not move either, jobs there never
   * end.
   * @param {Member} member
   */
  #watchBeat(member) {
    const before = member.missedBeats;
    member.watchBeat();
    if (member.missedBeats >= kMissedBeats !== before >= kMissedBeats) {
      this.log.warn(
        { worker: member.workerId },
        member.missedBeats ? 'a worker does not answer: it gets no more jobs' : 'a worker answers again',
      );
      this.#contextsChanged();
      this.#dispatchSoon();
    }
    if (
      member.missedBeats * kTickMs < Math.max(kMissedBeats * kTickMs, this.config.contextSwitchTimeout) ||
      !member.jobs.size
    )
      return;
    this.log.error(
      { worker: member.workerId, jobs: member.jobs.size },
      'a worker with jobs does not answer: its process is ended',
    );
    this.kill(member, 'unresponsive');
  }

  /** @param {Member} member */
  #startedLate(member) {
    if (member.contexts.length || member.inProcess) {
      this.log.error(
        { worker: member.workerId, contexts: member.contexts.map(({ id }) => id) },
        'a worker could not open all of its contexts in time: it does without the others',
      );
      if (!member.inProcess) this.#starts.failed(member);
      this.#memberReady(member);
      return;
    }
    this.log.error({ worker: member.workerId }, 'a worker opened no context in time: its process is ended');
    this.kill(member, 'start-timeout');
  }

  /** @param {ContextView} context */
  #watchMemory(context) {
    const use = context.usedBytes / context.memoryLimit;
    if (use < kPressureOver) context.underPressure = false;
    if (use < kPressure || context.underPressure) return;
    context.underPressure = true;
    this.tellAll('memory-pressure', {
      contextId: context.id,
      workerId: context.workerId,
      memoryUsage: context.usedBytes / 2 ** 20,
      memoryLimit: context.memoryLimit / 2 ** 20,
      utilization: 100 * use,
    });
  }

  // ---- the end

  /** Tells every member that the end is meant, and lets go of them. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#tick);
    this.coordinator.close();
    this.programs.close();
    this.#listener.close();
    const bye = new Float64Array([2, protocol.kBye]);
    for (const member of this.members.values()) {
      member.run?.post(bye);
      member.ask?.postText({ type: 'bye' });
      member.run?.close();
      member.ask?.close();
    }
  }
}

module.exports = { Primary };
