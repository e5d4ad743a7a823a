// The contexts of the cluster, as they are opened, become ready and are lost; and which types of them there may be.
'use strict';
const { native } = require('../../addon');
const { nowMs, kBackends, kDriverBackends } = require('../../core');
const { ContextView } = require('./context-view');
const { isOfFitType } = require('./fit');

/** @typedef {import('./member').Member} Member */
/** @typedef {import('../wire/messages').ToCoordinator} ToCoordinator */
/** @typedef {'cuda'|'vulkan'|'cpu'} Backend */
/**
 * @typedef {object} ContextsParts
 * @property {import('../../core/log').Logger} log
 * @property {import('./speeds').Speeds} speeds
 * @property {import('./placement').Placement} placement
 * @property {import('./membership').Membership} membership
 * @property {() => import('../wire/messages').ContextEntry[]} describe all of them, in the public words
 * @property {() => void} onRoom jobs that wait may find a place
 * @property {(member: Member) => void} onReady every context of a member was tried
 * @property {(context: ContextView) => void} onGivenUp one of this process will never go on
 * @property {() => void} onGone jobs may wait for a device that was lost for good
 */

// a context that can't be opened for these can't be later
const kHopeless = new Set(['ERR_UNSUPPORTED', 'ERR_INVALID_ARGUMENT']);

class ClusterContexts {
  /** @type {ContextView[]} of all members */
  list = [];
  /** @type {Set<Backend>} of contexts there have been */
  #types = new Set();
  /** @type {Set<Backend>} of those among them that can draw */
  #drawingTypes = new Set();
  /** @type {Map<string, string>} devices that a process without a cluster has lost for good, and what is said of it */
  #gone = new Map();

  /** @param {ContextsParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /**
   * Has a member open its contexts.
   * @param {Member} member that has said which devices it has
   */
  plan(member) {
    const { placement, membership } = this.parts;
    member.state = 'starting';
    placement.plan(member, [...membership.all()]);
    member.say({ type: 'plan', contexts: member.plan, cautious: placement.isSuspicious });
  }

  /**
   * @param {Member} member
   * @param {Extract<ToCoordinator, { type: 'context' }>} message
   */
  onReady(member, { index, device }) {
    const plan = member.plan.find((one) => one.index === index);
    if (!plan || member.state === 'leaving' || member.state === 'gone') return;
    const view = new ContextView(member, plan, device, this.parts.speeds);
    member.contexts = [...member.contexts.filter((other) => other.index !== index), view];
    this.#types.add(view.type);
    if (view.canDraw) this.#drawingTypes.add(view.type);
    this.parts.placement.opened(device.id);
    this.changed();
    this.parts.log.debug({ worker: member.workerId, context: view.id, device: device.name }, 'a context is ready');
    this.parts.onRoom();
    if (member.isOpened) this.#memberOpened(member);
  }

  /**
   * What may be better at the next try is tried again; a lost device is a matter for a new process.
   * @param {Member} member
   * @param {Extract<ToCoordinator, { type: 'context-failed' }>} message
   */
  onFailed(member, { index, id, device, error }) {
    const { log, membership } = this.parts;
    const { code, message, ...details } = error;
    log.warn(
      { worker: member.workerId, context: id, code, reason: message, ...details },
      'a context could not be opened',
    );
    if (code === 'ERR_DEVICE_LOST' && !member.inProcess) membership.dismiss(member, 'device-lost');
    else if (member.inProcess && native.lostForGood(device)) this.#lostForGood(member, index, device, message);
    else if (kHopeless.has(code)) member.hopeless.add(index);
    else member.say({ type: 'reopen', index });
  }

  /**
   * A process that is all there is can't open the device again: it goes on with its others.
   * @param {Member} member
   * @param {number} index of a context of the device
   * @param {string} device
   * @param {string} message
   */
  #lostForGood(member, index, device, message) {
    member.hopeless.add(index);
    if (!this.#gone.has(device))
      this.parts.log.error({ device, reason: message }, 'a device is lost until this process is started anew');
    this.#gone.set(device, message);
    this.changed();
    this.parts.onGone();
  }

  /** Devices that a process without a cluster has lost for good. */
  get gone() {
    return [...this.#gone.keys()];
  }

  /**
   * What a job ends with that nothing can run but devices which were lost for good; undefined: it may wait.
   * @param {Pick<import('./scheduler').Job, 'contextType'|'kind'>} job
   * @returns {string|undefined}
   */
  goneFor(job) {
    if (!this.#gone.size) return undefined;
    let reason;
    for (const { plan, hopeless, devices } of this.parts.membership.workers)
      for (const { index, device } of plan) {
        const found = devices.find(({ id }) => id === device);
        if (!found || !isOfFitType(job, { type: found.backend, canDraw: found.features.graphics })) continue;
        const gone = this.#gone.get(device);
        if (gone === undefined && !hopeless.has(index)) return undefined;
        reason ??= gone;
      }
    return reason;
  }

  /** @param {Member} member that has tried every context of its plan */
  onOpened(member) {
    member.isOpened = true;
    this.#memberOpened(member);
  }

  /**
   * Every context was tried: ready, unless none is open and one may still be.
   * @param {Member} member
   */
  #memberOpened(member) {
    if (member.contexts.length || member.plan.every(({ index }) => member.hopeless.has(index)))
      this.memberReady(member);
  }

  /** @param {Member} member */
  memberReady(member) {
    if (member.state !== 'starting') return;
    member.state = 'ready';
    member.wasReady = true;
    this.changed();
    this.parts.onReady(member);
    const startedIn = Math.round(nowMs() - member.joinedAt);
    const contexts = member.contexts.map(({ id }) => id);
    this.parts.log.info({ worker: member.workerId, contexts, startedInMs: startedIn }, 'a worker is ready');
    this.parts.membership.tellAll({
      type: 'event',
      name: 'worker-ready',
      event: { workerId: member.workerId, pid: member.pid, contexts },
    });
    this.parts.onRoom();
  }

  /** Some have come or gone, or take jobs no more, or again. */
  changed() {
    this.list = this.parts.membership.workers.flatMap(({ contexts }) => contexts);
    this.tellAll();
  }

  /** @returns {import('../wire/messages').ToMember} */
  describe() {
    return { type: 'contexts', entries: this.parts.describe() };
  }

  /** Every member learns which contexts there are: before any result that names one. */
  tellAll() {
    this.parts.membership.tellAll(this.describe());
  }

  /**
   * A worker that comes may bring any type; one that was there may come back with its worker.
   * @param {Pick<import('./scheduler').Job, 'contextType'|'kind'>} job
   */
  mayHave({ contextType, kind }) {
    const types = contextType === 'gpu' ? kDriverBackends : contextType ? [contextType] : kBackends;
    const seen = kind === 'render' ? this.#drawingTypes : this.#types;
    if (types.some((type) => seen.has(type))) return true;
    const executing = this.parts.membership.workers.filter(
      ({ slot, run, state }) => slot > 0 || run !== undefined || state !== 'joining',
    );
    return !executing.length || executing.some(({ state }) => state === 'joining' || state === 'starting');
  }

  /**
   * @param {ContextView} context
   * @param {string} message
   */
  lost(context, message) {
    if (context.isLost) return;
    const member = context.owner;
    this.parts.log.error({ worker: member.workerId, context: context.id, reason: message }, 'a context was lost');
    this.#markLost(context, message);
    // A driver that lost a device seldom recovers inside the process: a worker ends when its other jobs have.
    if (member.inProcess) member.say({ type: 'reopen', index: context.index });
    else this.parts.membership.dismiss(member, 'device-lost');
  }

  /**
   * A job does not stop though it was told to: its process is ended. One that is alone does without the context.
   * @param {Member} member
   * @param {ContextView|undefined} context
   * @param {{ name: string, type: string }} [job] undefined: its process ran it by itself
   */
  stuck(member, context, job) {
    const { log, membership } = this.parts;
    if (!member.inProcess) {
      if (member.endReason === 'hang') return; // it is on its way
      log.error(
        { worker: member.workerId, context: context?.id, ...of(job) },
        'a job does not stop: its process is ended',
      );
      membership.kill(member, 'hang');
      return;
    }
    if (!context || context.isLost) return;
    log.error(
      { context: context.id, ...of(job) },
      'a job does not stop: its context is given up, until this process is started anew',
    );
    this.#markLost(context, 'a job there does not stop');
    member.say({ type: 'give-up', index: context.index });
    this.parts.onGivenUp(context);
  }

  /**
   * @param {ContextView} context
   * @param {string} message
   */
  #markLost(context, message) {
    context.isLost = true;
    this.changed();
    this.parts.membership.tellAll({
      type: 'event',
      name: 'context-lost',
      event: { contextId: context.id, workerId: context.owner.workerId, message },
    });
  }
}

/**
 * What a log line says of a job.
 * @param {{ name: string, type: string }|undefined} job
 */
function of(job) {
  return job ? { job: job.name, type: job.type } : {};
}

module.exports = { ClusterContexts };
