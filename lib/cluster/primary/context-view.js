// The view of one context that the scheduler decides by: what was assigned to it, and what the status page of its
// process says.
'use strict';
const { statusPage } = require('../../metrics');
const { nowMs, isSoftware } = require('../../core');
const { kSoonMs } = require('./scheduler');
const { nodeOf, linkedTo } = require('./nearness');

const { inContext, kMaxContexts, kMaxStarted, contextAt } = statusPage;

/** @typedef {import('../../index').DeviceInfo} DeviceInfo */
/** @typedef {import('./member').Member} Member */
/** @typedef {import('./speeds').Speeds} Speeds */

/**
 * A job that a process runs on a context of its own. Times are ms of nowMs().
 * @typedef {{ context: ContextView, number: number, counted: number, priority: number, deadline: number, cost: number,
 *   since: number }} OwnJob
 */

const kDepth = 4; // assignments a context may have: the next is there when one ends
const kStuckMs = 3; // without a sign of progress, what runs is longer than was estimated
const kMaxAffinities = 4096; // names a context remembers
const kMaxResident = 4096;
const kMaxPrograms = 4096;

/** A set that forgets what was added first. */
class RecentSet {
  /** @param {number} max */
  constructor(max) {
    this.max = max;
    /** @type {Set<number>} */
    this.items = new Set();
  }

  /** @param {number} item */
  add(item) {
    this.items.delete(item);
    this.items.add(item);
    if (this.items.size > this.max) this.items.delete(/** @type {number} */ (this.items.values().next().value));
  }

  /** @param {number} item */
  has(item) {
    return this.items.has(item);
  }
}

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
    this.#at = contextAt(index);
    this.#speeds = speeds;
    this.index = index;
    this.id = id;
    this.device = device;
    this.memoryLimit = memoryLimit;
    this.member = member.slot;
    this.workerId = member.workerId;
    this.type = device.backend;
    this.deviceId = device.id;
    this.node = nodeOf(device, member.node);
    this.linked = linkedTo(device);
    this.software = isSoftware(device);
    this.canDraw = device.features.graphics;
    this.isLost = false;
    this.assigned = 0; // launches given to it and not ended
    this.assignedMs = 0; // of estimated work in them
    this.usedAt = 0;
    this.ran = 0;
    this.affinities = new RecentSet(kMaxAffinities);
    this.resident = new RecentSet(kMaxResident);
    this.programs = new RecentSet(kMaxPrograms); // workload numbers of those it has run
  }

  /** What a part of a split job says that is meant for it. */
  get home() {
    return 1 + this.member * kMaxContexts + this.index;
  }

  /** @param {number} place */
  #read(place) {
    return this.#member.page[this.#at + place];
  }

  /** @returns {'idle'|'busy'|'lost'|'starting'|'closed'} */
  get state() {
    if (this.isLost || this.#member.page === undefined || this.#read(inContext.lost)) return 'lost';
    if (!this.#member.takesJobs) return 'closed';
    return this.pending ? 'busy' : 'idle';
  }

  get pending() {
    return this.assigned + this.#read(inContext.localPending);
  }

  get pendingMs() {
    return this.assignedMs + this.ownMs;
  }

  /**
   * How long a job that its process has begun there without the coordinator may still take: no less than it has taken,
   * and on the CPU as it is estimated (of other devices it is not known how much faster than the reference core they
   * are).
   */
  get ownMs() {
    if (!this.#read(inContext.localPending)) return 0;
    const estimated = this.type === 'cpu' ? this.#read(inContext.localMs) : 0;
    return Math.max(estimated, nowMs() - this.#read(inContext.lastUsedLocal));
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
    return this.type === 'cpu' ? Infinity : Math.max(0, this.memoryLimit - this.#read(inContext.usedBytes));
  }

  /** The job that its process runs there by itself; undefined: none. @returns {OwnJob|undefined} */
  get ownJob() {
    if (!this.#read(inContext.localPending) || !this.#read(inContext.localNumber)) return undefined;
    return {
      context: this,
      number: this.#read(inContext.localNumber),
      counted: this.#read(inContext.localCounted),
      priority: this.#read(inContext.localPriority),
      deadline: this.#read(inContext.localDeadline),
      cost: this.#read(inContext.localMs),
      since: this.#read(inContext.lastUsedLocal),
    };
  }

  /** The largest job it could ever take, in bytes. */
  get maxMemory() {
    return this.type === 'cpu' ? Infinity : this.memoryLimit;
  }

  get workerRunning() {
    return this.#member.running;
  }

  // A job that has to be alone does not look at this.
  get workerRoom() {
    return this.#member.emptying ? 0 : Math.max(0, this.#member.maxConcurrent - this.#member.running);
  }

  get isKeptFree() {
    return this.#member.emptying;
  }

  get lastUsed() {
    return Math.max(this.usedAt, this.#read(inContext.lastUsedLocal));
  }

  get jobsRun() {
    return this.ran + this.#read(inContext.localRun);
  }

  get usedBytes() {
    return this.#read(inContext.usedBytes);
  }

  get reservedBytes() {
    return this.#read(inContext.reservedBytes);
  }

  /** Of sealed tensors that stay on its device between jobs. */
  get residentBytes() {
    return this.#read(inContext.residentBytes);
  }

  get selfTestAt() {
    return this.#read(inContext.selfTest);
  }

  /** How many compiled programs it holds. */
  get shaderCount() {
    return this.#read(inContext.programs);
  }

  get progressAt() {
    return this.#read(inContext.progress);
  }

  /** @param {number} residentId */
  holds(residentId) {
    return this.resident.has(residentId);
  }

  /** @param {number} workload */
  speed(workload) {
    return this.#speeds.of(this.device.id, workload);
  }

  /**
   * How far a job is that was begun there.
   * @param {number} number
   * @returns {{ done: number, total: number }|undefined} undefined: it tells nothing
   */
  progressOf(number) {
    for (let i = 0; i < kMaxStarted; ++i) {
      if (this.#read(inContext.started + i) !== number) continue;
      const done = this.#read(inContext.steps + 2 * i);
      const total = this.#read(inContext.steps + 2 * i + 1);
      // Another may have begun there meanwhile.
      if (this.#read(inContext.started + i) !== number) return undefined;
      return done > 0 && total >= done ? { done, total } : undefined;
    }
    return undefined;
  }

  /** @returns {Set<number>} the jobs that were running there when it was last heard of */
  started() {
    const jobs = new Set();
    for (let i = 0; i < kMaxStarted; ++i) {
      const number = this.#read(inContext.started + i);
      if (number) jobs.add(number);
    }
    return jobs;
  }
}

module.exports = { ContextView };
