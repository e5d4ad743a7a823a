// A process of the cluster, and its contexts, as the coordinator sees them.
'use strict';
const { native } = require('../../addon');
const { statusPage: status } = require('../../metrics');
const { nowMs } = require('../../core');

/** @typedef {import('../../index').DeviceInfo} DeviceInfo */
/** @typedef {import('./job').CoordinatorJob} CoordinatorJob */

const kDepth = 4; // assignments a context may have: the next is there when one ends
const kSoonMs = 1; // of estimated work in a lane: what comes behind it won't wait long
const kStuckMs = 3; // without a sign of progress, what runs is longer than was estimated
const kEnoughRuns = 12; // before a measured speed counts
const kNewest = 1 / 16;
const kMaxAffinities = 4096; // names a context remembers
const kMaxResident = 4096;
const kMaxPrograms = 4096;
const kMaxSpeeds = 16384; // of workloads on devices, programs among them
const kMissedBeats = 2; // after which it is given no more jobs

/** What was measured of one workload on one device. */
class Speeds {
  /** @type {Map<string, { runs: number, average: number }>} */
  #seen = new Map();

  /**
   * @param {string} device
   * @param {number} workload
   * @param {number} perCost ms of compute for each unit of cost
   */
  note(device, workload, perCost) {
    const key = `${device}/${workload}`;
    const seen = this.#seen.get(key);
    if (!seen) {
      if (this.#seen.size >= kMaxSpeeds) this.#seen.delete(/** @type {string} */ (this.#seen.keys().next().value));
      this.#seen.set(key, { runs: 1, average: perCost });
      return;
    }
    ++seen.runs;
    seen.average += Math.max(kNewest, 1 / seen.runs) * (perCost - seen.average);
  }

  /**
   * @param {string} device
   * @param {number} workload
   */
  of(device, workload) {
    const seen = this.#seen.get(`${device}/${workload}`);
    return seen && seen.runs >= kEnoughRuns ? seen.average : undefined;
  }
}

/** A set that forgets what was added first. */
class RecentSet {
  /** @param {number} most */
  constructor(most) {
    this.most = most;
    /** @type {Set<number>} */
    this.items = new Set();
  }

  /** @param {number} item */
  add(item) {
    this.items.delete(item);
    this.items.add(item);
    if (this.items.size > this.most) this.items.delete(/** @type {number} */ (this.items.values().next().value));
  }

  /** @param {number} item */
  has(item) {
    return this.items.has(item);
  }
}

/** The view of one context that lib/cluster/primary/scheduler.js decides by. */
class ContextView {
  #member;
  #at;
  #speeds;

  /**
   * @param {Member} member
   * @param {{ index: number, id: string, memoryLimit: number }} plan
   * @param {DeviceInfo} device
   * @param {Speeds} speeds
   */
  constructor(member, { index, id, memoryLimit }, device, speeds) {
    this.#member = member;
    this.owner = member;
    this.#at = status.contextAt(index);
    this.#speeds = speeds;
    this.index = index;
    this.id = id;
    this.device = device;
    this.memoryLimit = memoryLimit;
    this.member = member.slot;
    this.workerId = member.workerId;
    this.type = device.backend;
    this.software = device.backend === 'vulkan' && device.type === 'cpu';
    this.canDraw = device.features.graphics;
    this.isLost = false;
    this.underPressure = false;
    this.assigned = 0; // launches given to it and not ended
    this.assignedMs = 0; // of estimated work in them
    this.usedAt = 0;
    this.ran = 0;
    this.affinities = new RecentSet(kMaxAffinities);
    this.resident = new RecentSet(kMaxResident);
    this.programs = new RecentSet(kMaxPrograms); // workload numbers of those it has run
  }

  /** @param {number} place */
  #read(place) {
    return this.#member.page[this.#at + place];
  }

  /** @returns {'idle'|'busy'|'lost'|'starting'|'closed'} */
  get state() {
    if (this.isLost || this.#member.page === undefined || this.#read(status.kLost)) return 'lost';
    if (!this.#member.takesJobs) return 'closed';
    return this.pending ? 'busy' : 'idle';
  }

  get pending() {
    return this.assigned + this.#read(status.kLocalPending);
  }

  get pendingMs() {
    return this.assignedMs;
  }

  // Work that is soon done waits in its lane, where it costs no hop when its turn comes; more than that is better kept
  // in the queue, from which any context may take it.
  get room() {
    if (this.#member.exclusive) return 0;
    if (this.assigned && (this.assignedMs > kSoonMs || nowMs() - Math.max(this.usedAt, this.progressAt) > kStuckMs))
      return 0;
    return Math.max(0, kDepth - this.pending);
  }

  // The CPU uses inputs and outputs where they lie; its limit is for what a job needs beside them.
  get memoryFree() {
    return this.type === 'cpu' ? Infinity : Math.max(0, this.memoryLimit - this.#read(status.kUsedBytes));
  }

  /** The largest job it could ever take, in bytes. */
  get memoryMost() {
    return this.type === 'cpu' ? Infinity : this.memoryLimit;
  }

  get workerRunning() {
    return this.#member.running;
  }

  // A job that has to be alone does not look at this.
  get workerRoom() {
    return this.#member.emptying ? 0 : Math.max(0, this.#member.maxConcurrent - this.#member.running);
  }

  get lastUsed() {
    return Math.max(this.usedAt, this.#read(status.kLastUsedLocal));
  }

  get jobsRun() {
    return this.ran + this.#read(status.kLocalRun);
  }

  get usedBytes() {
    return this.#read(status.kUsedBytes);
  }

  get reservedBytes() {
    return this.#read(status.kReservedBytes);
  }

  get knownAnswerAt() {
    return this.#read(status.kKnownAnswer);
  }

  /** How many compiled programs it holds. */
  get shaderCount() {
    return this.#read(status.kPrograms);
  }

  get progressAt() {
    return this.#read(status.kProgress);
  }

  /** @param {number} residentId */
  holds(residentId) {
    return this.resident.has(residentId);
  }

  /** @param {number} workload */
  speed(workload) {
    return this.#speeds.of(this.device.id, workload);
  }

  /** @returns {Set<number>} the jobs that were running there when it was last heard of */
  started() {
    const jobs = new Set();
    for (let i = 0; i < status.kStartedCount; ++i) {
      const number = this.#read(status.kStarted + i);
      if (number) jobs.add(number);
    }
    return jobs;
  }
}

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
    /** @type {any[]} */
    this.plan = [];
    /** @type {Map<number, CoordinatorJob>} assigned here and not reported */
    this.jobs = new Map();
    this.launches = 0; // assignments that have not ended
    this.exclusive = false; // a job that must be alone runs here
    this.emptying = false; // one waits for the rest to end
    /** @type {Map<number, CoordinatorJob>} what it has asked for, by its own numbers */
    this.asked = new Map();
    this.endReason = '';
    this.wasReady = false;
    this.isOpened = false; // it has tried all contexts of its plan
    /** @type {Set<number>} contexts that can't be opened */
    this.hopeless = new Set();
    this.beat = 0; // of its executor, when it was last looked at
    this.missedBeats = 0; // looks since it changed
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
      !this.page[status.kDraining] &&
      this.missedBeats < kMissedBeats
    );
  }

  /** Looks at the executor's heartbeat, once a second: it beats twice as often, whatever the JavaScript loop does. */
  watchBeat() {
    const beat = this.page[status.kExecutorBeat];
    this.missedBeats = this.run && beat === this.beat ? this.missedBeats + 1 : 0;
    this.beat = beat;
  }

  /** Launches that run or wait in its lanes, its own local ones included. */
  get running() {
    let count = this.launches;
    for (const { index } of this.contexts) count += this.page[status.contextAt(index) + status.kLocalPending];
    return count;
  }
}

module.exports = { Member, ContextView, Speeds, kMissedBeats };
