// The primary's side of the cluster, tied together: who belongs to it, their contexts, memory, jobs and programs.
'use strict';
const { native } = require('../../addon');
const { protocol } = require('../wire');
const { Coordinator } = require('./coordinator');
const { ClusterContexts } = require('./cluster-contexts');
const { ClusterOperations } = require('./cluster-operations');
const { ClusterPrograms } = require('./cluster-programs');
const { Follow } = require('./follow');
const { Inbox } = require('./inbox');
const { Membership } = require('./membership');
const { Placement } = require('./placement');
const { PublishedTensors } = require('./published-tensors');
const { Resources } = require('./resources');
const { Retrials } = require('./retrials');
const { SharedRegions } = require('./shared-regions');
const { Speeds } = require('./speeds');
const { MemoryTiers } = require('./memory-tiers');
const { Watch } = require('./watch');
const { Metrics } = require('../../metrics');
const { countedNames } = require('../../call');
const { nowMs, soon } = require('../../core');

/** @typedef {import('./member').Member} Member */
/**
 * Tells a listener of this process's manager, if there is one: the event is made only then.
 * @typedef {<Name extends keyof import('../../index').ManagerEvents>(name: Name, event: () =>
 *   import('../../index').ManagerEvents[Name][0]) => void} Emit
 */
/**
 * @typedef {object} PrimaryParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {Emit} emit
 */

class Primary {
  #closed = false;
  #dispatchPending = false;

  /** @param {PrimaryParts} parts */
  constructor({ config, log, emit }) {
    this.config = config;
    this.log = log;
    this.regions = new SharedRegions();
    this.metrics = new Metrics({ now: nowMs, workloads: [...countedNames] });
    const speeds = new Speeds();
    this.placement = new Placement({ config, log });
    this.membership = this.#makeMembership();
    /** @type {ClusterContexts} */
    this.contexts = new ClusterContexts({
      log,
      speeds,
      placement: this.placement,
      membership: this.membership,
      describe: () => this.describe?.() ?? [],
      onRoom: () => this.#dispatchSoon(),
      onReady: () => {
        this.coordinator.refuseHopeless();
        this.programs.compilations.onWorkerReady();
      },
      onGivenUp: (context) => this.coordinator.onGivenUp(context),
      onGone: () => this.coordinator.refuseHopeless(),
    });
    /** @type {Coordinator} */
    this.coordinator = new Coordinator({
      config,
      log,
      metrics: this.metrics,
      speeds,
      emit,
      contexts: () => this.contexts.list,
      onStuck: (context, job) => this.contexts.stuck(context.owner, context, job),
      onContextLost: (context, message) => this.contexts.lost(context, message),
      onStopped: (member) => {
        if (!member.inProcess) this.membership.leave(member, 'exit');
      },
      mayHave: (job) => this.contexts.mayHave(job),
      goneFor: (job) => this.contexts.goneFor(job),
      degradation: () => this.operations.degradation,
    });
    this.follow = new Follow({
      coordinator: this.coordinator,
      contexts: () => this.contexts.list,
      members: () => this.workers,
      log,
    });
    this.programs = new ClusterPrograms({ config, log, emit, metrics: this.metrics, workers: () => this.workers });
    this.published = new PublishedTensors(this.membership);
    this.operations = this.#makeOperations();
    this.resources = new Resources({ folder: config.memoryFolder, log });
    /** @type {Inbox} */
    this.inbox = new Inbox({
      log,
      coordinator: this.coordinator,
      membership: this.membership,
      contexts: this.contexts,
      regions: this.regions,
      programs: this.programs,
      published: this.published,
      resources: this.resources,
      follow: this.follow,
      operations: this.operations,
      answer: (report, member) => this.answer?.(report, member),
      onJobs: () => this.#dispatchSoon(),
    });
    this.retrials = new Retrials({
      log,
      placement: this.placement,
      membership: this.membership,
      mayReplace: (member) => this.mayReplace?.(member) ?? false,
    });
    this.memory = new MemoryTiers({
      config,
      contexts: () => this.contexts.list,
      members: () => this.membership.workers,
      tell: (event) => this.membership.tellAll({ type: 'event', name: 'memory-pressure', event }),
    });
    this.watch = new Watch({
      config,
      log,
      membership: this.membership,
      contexts: this.contexts,
      placement: this.placement,
      memory: this.memory,
      onTick: (now) => {
        this.#sweepRegions();
        this.regions.askAgain(this.membership.workers);
        this.metrics.sample(now);
        this.retrials.onTick(now);
        this.operations.onTick(now);
      },
      onRoom: () => this.#dispatchSoon(),
    });
  }

  #makeOperations() {
    return new ClusterOperations({
      config: this.config,
      log: this.log,
      metrics: this.metrics,
      tellAll: (message) => this.membership.tellAll(message),
      members: () => [...this.membership.all()].filter(({ ask }) => ask !== undefined),
      cards: () => ({ contexts: this.describeCards?.() ?? [], members: this.workers.filter(({ run }) => run) }),
      tiers: () => this.memory.statuses(),
      queueAge: () => this.coordinator.queue.oldestAge(nowMs()),
    });
  }

  /** @returns {Membership} */
  #makeMembership() {
    return new Membership({
      config: this.config,
      log: this.log,
      isClosing: () => this.#closed || this.coordinator.closing,
      handlers: (member, role) => this.inbox.handlers(member, role),
      onMember: (member, page) => {
        this.metrics.attach(member.slot, page);
        this.published.onMember(member);
      },
      onConnected: (member, role) => (role === 'ask' ? this.#welcome(member) : this.#onExecutor(member)),
      onLeaving: () => this.contexts.changed(),
      onLeft: (member) => {
        this.coordinator.onMemberLeft(member);
        this.#dispatchSoon();
      },
      onGone: (member, expected) => this.#onGone(member, expected),
      onFailedStart: (member) => this.placement.failed(member),
    });
  }

  /**
   * Set by the manager.
   * @type {((report: import('../wire/messages').Report, member: Member) => unknown)|undefined}
   */
  answer;
  /** @type {(() => import('../wire/messages').ContextEntry[])|undefined} set by the manager: in the public words */
  describe;
  /** @type {(() => import('../../metrics/contexts').ContextState[])|undefined} set by the manager */
  describeCards;
  /** @type {((member: Member) => void)|undefined} set by the manager */
  onGone;
  /** @type {((member: Member) => boolean)|undefined} set by the manager: one that only runs jobs, and is replaced */
  mayReplace;

  /** @returns {Member[]} those with a process */
  get workers() {
    return this.membership.workers;
  }

  /** Devices that are left out, because workers ended as they opened them. */
  get avoided() {
    return this.placement.avoided;
  }

  /** @param {Member} member whose event loop has connected */
  #welcome(member) {
    if (member.inProcess) return;
    const page = protocol.withNumber(protocol.kRegion, member.pageRegion);
    member.ask?.post(page, page.length, member.pageRegion);
    member.say({ type: 'welcome', page: member.pageRegion, workerId: member.workerId });
    this.operations.welcome(member);
    member.say(this.contexts.describe()); // its jobs may run on others' contexts before it has any
  }

  /** @param {Member} member whose executor has connected */
  #onExecutor(member) {
    this.regions.tellAll(member);
    if (member.devices.length) this.contexts.plan(member);
  }

  /**
   * A process has ended, or left with all it had.
   * @param {Member} member
   * @param {boolean} expected
   */
  #onGone(member, expected) {
    this.resources.onGone(member); // first: others wait for who owns it next
    this.coordinator.onMemberGone(member);
    this.follow.forget(member);
    this.operations.forget(member);
    this.programs.compilations.onWorkerGone(member, !expected);
    this.metrics.retire(member.slot);
    this.regions.gone(member);
    this.#sweepRegions();
    native.dropPage(member.pageRegion);
    this.contexts.changed();
    this.published.onGone();
    const { workerId, pid, endReason } = member;
    this.membership.tellAll(
      expected
        ? { type: 'event', name: 'worker-left', event: { workerId, pid } }
        : { type: 'event', name: 'worker-lost', event: { workerId, pid, reason: endReason } },
    );
    this.onGone?.(member);
    this.#dispatchSoon();
  }

  #sweepRegions() {
    this.regions.sweep(this.workers, (serial) => this.coordinator.usesMemoryOf(serial));
  }

  /** Once for all messages that came together. */
  #dispatchSoon() {
    if (this.#dispatchPending) return;
    this.#dispatchPending = true;
    soon(() => {
      this.#dispatchPending = false;
      this.coordinator.dispatch();
    });
  }

  /** Tells every member that the end is meant, and lets go of them. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.watch.close();
    this.retrials.close();
    this.coordinator.close();
    this.programs.close();
    this.published.close();
    this.membership.close();
    this.resources.close();
    const members = [...this.membership.all()];
    this.regions.close(members.find(({ inProcess }) => inProcess));
    for (const { pageRegion } of members) native.dropPage(pageRegion);
  }
}

module.exports = { Primary };
