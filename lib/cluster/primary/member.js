// A process of the cluster, as the primary sees it.
'use strict';
const { native } = require('../../addon');
const { statusPage } = require('../../metrics');
const { codec } = require('../wire');
const { nowMs } = require('../../core');

const { inPage, inContext, contextAt } = statusPage;

/** @typedef {import('../../index').DeviceInfo} DeviceInfo */
/** @typedef {import('./job').CoordinatorJob} CoordinatorJob */
/** @typedef {import('./context-view').ContextView} ContextView */
/** @typedef {import('../wire/messages').PlannedContext} PlannedContext */
/** @typedef {'ask'|'run'} Role which of a process's two connections: to its event loop, or to its executor's thread */

const kMissedBeats = 2; // after which it is given no more jobs

let lastSerial = 0;

class Member {
  /**
   * @param {{ slot: number, workerId: number, pid: number, inProcess: boolean, maxConcurrent: number }} parts
   */
  constructor({ slot, workerId, pid, inProcess, maxConcurrent }) {
    this.slot = slot;
    this.serial = ++lastSerial; // slots are used again
    this.workerId = workerId;
    this.pid = pid;
    this.inProcess = inProcess;
    this.maxConcurrent = maxConcurrent;
    this.pageRegion = native.createPage();
    this.page = new Float64Array(native.pageBuffer(this.pageRegion));
    /** @type {import('../wire/channel').Channel|undefined} to its event loop */
    this.ask = undefined;
    /** @type {import('../wire/channel').Channel|undefined} to its executor's thread */
    this.run = undefined;
    /** @type {'joining'|'starting'|'ready'|'leaving'|'gone'} */
    this.state = 'joining';
    this.joinedAt = nowMs();
    /** @type {ContextView[]} */
    this.contexts = [];
    /** @type {DeviceInfo[]} */
    this.devices = [];
    this.node = -1; // the NUMA node it is bound to; -1: none, or it has not said so yet
    /** @type {PlannedContext[]} */
    this.plan = [];
    /** @type {string[]} its devices that were left out of its plan */
    this.without = [];
    /** @type {string|null|undefined} the signal that ended its process, null for none; undefined: that is not known */
    this.signal = undefined;
    /** @type {Map<number, CoordinatorJob>} assigned here and not reported */
    this.jobs = new Map();
    this.launches = 0; // assignments that have not ended
    this.exclusive = false; // a job that must be alone runs here
    this.emptying = false; // one waits for the rest to end
    /** @type {Map<number, CoordinatorJob>} what it has asked for, by its own numbers */
    this.asked = new Map();
    /** @type {{ number: number, id: string }|undefined} the id of a job that it asks for next */
    this.named = undefined;
    this.endReason = '';
    this.wasReady = false;
    this.isOpened = false; // it has tried all contexts of its plan
    /** @type {Set<number>} contexts that can't be opened */
    this.hopeless = new Set();
    this.beat = 0; // of its executor, when it was last looked at
    this.missedBeats = 0; // looks since it changed
  }

  /** @param {import('../wire/messages').ToMember} message to its event loop */
  say(message) {
    this.ask?.post(codec.encodeToMember(message));
  }

  /** @param {number} index */
  contextAt(index) {
    return this.contexts.find((context) => context.index === index);
  }

  /** Whether it may be asked to compile: see lib/cluster/primary/compilations.js. */
  get canCompile() {
    return this.state === 'ready' && this.takesJobs && this.ask !== undefined;
  }

  /** The backends of its contexts. */
  get backends() {
    return new Set(this.contexts.filter(({ isLost }) => !isLost).map(({ type }) => type));
  }

  get takesJobs() {
    return (
      (this.state === 'ready' || this.state === 'starting') &&
      this.run !== undefined &&
      !this.page[inPage.draining] &&
      this.missedBeats < kMissedBeats
    );
  }

  /** Looks at the executor's heartbeat, once a second: it beats twice as often, whatever the JavaScript loop does. */
  watchBeat() {
    const beat = this.page[inPage.executorBeat];
    this.missedBeats = this.run && beat === this.beat ? this.missedBeats + 1 : 0;
    this.beat = beat;
  }

  /**
   * The jobs that its process has running on its own contexts, as its status page says: for when its event loop does
   * not answer.
   * @returns {import('./context-view').OwnJob[]}
   */
  get ownJobs() {
    return this.contexts.flatMap((context) => context.ownJob ?? []);
  }

  /** Launches that run or wait in its lanes, its own local ones included. */
  get running() {
    let count = this.launches;
    for (const { index } of this.contexts) count += this.page[contextAt(index) + inContext.localPending];
    return count;
  }
}

module.exports = { Member, kMissedBeats };
