// What the primary says of the cluster: contexts, health, metrics. All of it read from its own memory, so a blocked
// worker does not matter.
'use strict';
const { native } = require('../../addon');
const { nowMs, epochMs, isSoftware } = require('../../core');
const { statusPage } = require('../../metrics');
const { splitTargets } = require('./split-targets');

const { inPage } = statusPage;

/** @typedef {import('./primary').Primary} Primary */
/** @typedef {import('./member').Member} Member */
/** @typedef {import('./context-view').ContextView} ContextView */

const kMegabyte = 2 ** 20;
const kWatchedMs = 5000; // a loop that has not turned for so long is worth a word

class Reports {
  /**
   * @param {object} parts
   * @param {Primary} parts.primary
   * @param {import('../../config/config').Config} parts.config
   * @param {() => boolean} parts.isDraining
   * @param {() => boolean} parts.isDegraded
   */
  constructor({ primary, config, isDraining, isDegraded }) {
    this.primary = primary;
    this.config = config;
    this.isDraining = isDraining;
    this.isDegraded = isDegraded;
  }

  /**
   * @returns {import('../worker/context-registry').Entry[]} those that are open or were lost, and those being opened
   */
  contexts() {
    return this.primary.workers.flatMap((member) => [
      ...member.contexts.filter(({ state }) => state !== 'closed').map((context) => describe(member, context)),
      ...starting(member),
    ]);
  }

  /**
   * What a process asks for.
   * @param {import('../wire/messages').Report} report
   * @param {Member} [member] that asks; what is told of its own jobs is told to no other
   */
  give(report, member) {
    switch (report.what) {
      case 'metrics':
        return this.metrics();
      case 'health':
        return this.health();
      case 'prometheus':
        return this.prometheus();
      case 'jobs':
        return this.primary.follow.jobs();
      case 'costs':
        return this.primary.operations.report(report.caller);
      case 'why':
        return this.primary.follow.why(report.id);
      case 'split':
        return splitTargets(report, this.primary.contexts.list);
      case 'progress':
        return member ? this.primary.follow.progress(member) : [];
      case 'memory':
        return this.memoryStats(report.device);
    }
  }

  /** @returns {import('../../metrics/contexts').ContextState[]} */
  states() {
    return this.primary.workers.flatMap((member) => [
      ...member.contexts.map((context) => ({
        ...describe(member, context),
        slot: context.index,
        reserved: context.reservedBytes,
        resident: context.residentBytes,
        pending: context.pending,
      })),
      ...starting(member).map((entry) => ({ ...entry, slot: entry.index, reserved: 0, resident: 0 })),
    ]);
  }

  #members() {
    return this.primary.workers
      .filter(({ run }) => run !== undefined)
      .map(({ workerId, page }) => ({ workerId, page }));
  }

  /** @returns {import('../../index').GPUClusterMetrics} */
  metrics() {
    const { coordinator } = this.primary;
    const now = nowMs();
    return this.primary.metrics.snapshot({
      contexts: this.states(),
      queueDepth: coordinator.pending,
      running: coordinator.running,
      oldestPendingAgeMs: coordinator.queue.oldestAge(now),
      now,
      compiled: this.primary.programs.compilations.compiled,
      published: this.primary.published.use,
      shared: native.heldTensors(),
      operations: this.primary.operations.use(),
    });
  }

  /** @returns {Promise<string>} */
  prometheus() {
    const { coordinator, membership } = this.primary;
    const now = nowMs();
    return this.primary.metrics.prometheus({
      now,
      pending: coordinator.pending,
      running: coordinator.running,
      oldestPendingAgeMs: coordinator.queue.oldestAge(now),
      restarts: membership.restarts,
      contexts: this.states(),
      members: this.#members(),
      compiled: this.primary.programs.compilations.compiled,
      published: this.primary.published.use,
      shared: native.heldTensors(),
      tiers: this.primary.memory.statuses(),
      operations: this.primary.operations.use(),
    });
  }

  /** @param {string} device */
  memoryStats(device) {
    const totalBytes = this.primary.workers.flatMap(({ devices }) => devices).find(({ id }) => id === device)
      ?.memory.total;
    return this.primary.metrics.memoryStats(device, { contexts: this.states(), members: this.#members(), totalBytes });
  }

  /** @returns {import('../../index').ClusterHealth} */
  health() {
    const now = nowMs();
    const { coordinator } = this.primary;
    const members = this.primary.workers.filter(
      ({ slot, contexts, run }) => slot > 0 || contexts.length > 0 || run !== undefined,
    );
    const workers = members.map((member) => ({
      id: member.workerId,
      pid: member.pid,
      state: /** @type {'joining'|'starting'|'ready'|'leaving'} */ (member.state),
      contexts: member.contexts.map(({ id }) => id),
      loopAgeMs: age(now, member.page[inPage.loopBeat]),
      deviceAgeMs: age(now, member.page[inPage.executorBeat]),
    }));
    const contexts = members.flatMap((member) =>
      member.contexts.map((context) => ({
        id: context.id,
        contextType: context.type,
        device: context.device.id,
        deviceName: context.device.name,
        state: context.state,
        lastKnownAnswerAgeMs: age(now, context.selfTestAt),
      })),
    );
    const usable = contexts.filter(({ state }) => state === 'idle' || state === 'busy').length;
    const troubled =
      this.isDegraded() ||
      this.primary.avoided.length > 0 ||
      this.primary.contexts.gone.length > 0 ||
      contexts.some(({ state }) => state === 'lost') ||
      workers.some(({ loopAgeMs }) => loopAgeMs !== null && loopAgeMs > kWatchedMs);
    return {
      status: !usable ? 'down' : troubled ? 'degraded' : 'ok',
      workers,
      contexts,
      queue: {
        depth: coordinator.pending,
        running: coordinator.running,
        limit: this.config.queueLimit,
        oldestAgeMs: coordinator.queue.oldestAge(now),
      },
      restarts: { ...this.primary.membership.restarts },
      avoidedDevices: this.primary.avoided,
      lostDevices: this.primary.contexts.gone,
      memory: this.primary.memory.statuses(),
      draining: this.isDraining(),
    };
  }
}

/**
 * @param {number} now
 * @param {number} then 0: never
 */
function age(now, then) {
  return then ? Math.max(0, now - then) : null;
}

/**
 * @param {Member} member
 * @param {ContextView} context
 * @returns {import('../worker/context-registry').Entry}
 */
function describe(member, context) {
  const { state } = context;
  return {
    id: context.id,
    workerId: member.workerId,
    contextType: context.type,
    device: context.device.id,
    state: state === 'closed' ? 'lost' : state,
    isActive: state === 'idle' || state === 'busy',
    lastUsed: context.lastUsed ? epochMs() - (nowMs() - context.lastUsed) : 0,
    memoryUsage: context.usedBytes,
    memoryLimit: context.memoryLimit,
    shaderCount: context.shaderCount,
    jobsRun: context.jobsRun,
    member: member.slot,
    index: context.index,
    deviceName: context.device.name,
    driver: driverOf(context.device),
    software: context.software,
    canDraw: context.canDraw,
  };
}

/** @param {import('../../index').DeviceInfo} device */
function driverOf({ driver, apiVersion }) {
  return `${driver}, ${apiVersion}`;
}

/**
 * @param {Member} member
 * @returns {import('../worker/context-registry').Entry[]}
 */
function starting(member) {
  if (member.state !== 'starting') return [];
  return member.plan
    .filter(({ index }) => !member.contexts.some((context) => context.index === index))
    .map((plan) => {
      const device = member.devices.find(({ id }) => id === plan.device);
      return {
        id: plan.id,
        workerId: member.workerId,
        contextType: device?.backend ?? 'cpu',
        device: plan.device,
        state: /** @type {const} */ ('starting'),
        isActive: false,
        lastUsed: 0,
        memoryUsage: 0,
        memoryLimit: plan.memoryLimit,
        shaderCount: 0,
        jobsRun: 0,
        member: member.slot,
        index: plan.index,
        deviceName: device?.name ?? '',
        driver: device ? driverOf(device) : '',
        software: isSoftware(device),
        canDraw: device?.features.graphics ?? false,
      };
    });
}

module.exports = { Reports, kMegabyte };
