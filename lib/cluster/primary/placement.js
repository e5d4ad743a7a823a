// Which contexts a worker opens: the best kind first, then one of another kind, cards in turn, each card's memory
// shared out; and what was learned from workers that could not open theirs.
'use strict';
const { statusPage } = require('../../metrics');
const { nowMs } = require('../../core');
const { allowedDevices } = require('../../config');
const { nearnessToNode, nodeOf } = require('./nearness');

const { inContext, kStates, contextAt } = statusPage;

/** @typedef {import('../../index').DeviceInfo} DeviceInfo */
/** @typedef {import('../wire/messages').PlannedContext} PlannedContext */
/** @typedef {import('./member').Member} Member */
/**
 * @typedef {object} PlanInput
 * @property {number} workerId
 * @property {number} node the NUMA node it is bound to, -1: none
 * @property {readonly DeviceInfo[]} devices what the worker found, in the order of preference
 * @property {readonly { device: string, memoryLimit: number }[]} taken contexts that other workers have
 * @property {import('../../config/config').Config} config
 * @property {number} workers how many processes share this machine's processors
 * @property {ReadonlySet<string>} avoid devices that have ended workers as they were opened
 */

// that own contexts on one card, where nobody says: each costs the card some 400 MB beside its contexts
const kCardWorkers = 2;
const kProcessBytes = 600 * 2 ** 20; // what a process's context costs a card by itself
const kCardShare = 0.9; // of a card's free memory is shared out
const kMinBytes = 64 * 2 ** 20;

const kStartsBeforeAvoiding = 2; // workers that a device has ended
const kFirstPauseMs = 60_000, // before a device that is left out is tried again; then twice as long each time
  kLongestPauseMs = 3_600_000;

/** @param {DeviceInfo} device */
function isCard(device) {
  return device.type !== 'cpu';
}

/**
 * How many workers may own contexts on one card.
 * @param {import('../../config/config').Config} config
 */
function workersOfCard({ gpuWorkers }) {
  return gpuWorkers ?? kCardWorkers;
}

/**
 * The devices of one backend that still take this worker: those near its processors first, where it is bound to some,
 * then those with the fewest contexts.
 * @param {PlanInput} input
 * @param {string} backend
 * @param {ReadonlyMap<string, Set<number>>} owners
 */
function open(input, backend, owners) {
  const count = (/** @type {string} */ id) => input.taken.filter(({ device }) => device === id).length;
  const near = (/** @type {DeviceInfo} */ device) => nearnessToNode({ node: nodeOf(device, -1) }, input.node);
  return input.devices
    .filter((device) => device.backend === backend && !input.avoid.has(device.id))
    .filter((device) => !isCard(device) || (owners.get(device.id)?.size ?? 0) < workersOfCard(input.config))
    .sort((a, b) => Number(!isCard(a)) - Number(!isCard(b)) || near(b) - near(a) || count(a.id) - count(b.id));
}

/**
 * The kinds, one for each context.
 * @param {PlanInput} input
 * @param {(backend: string) => DeviceInfo[]} find
 * @returns {string[]}
 */
function chooseKinds({ devices, config, avoid }, find) {
  const { contextTypes, contextsPerWorker } = config;
  if (contextTypes)
    return Array.from(
      { length: Math.max(contextsPerWorker, contextTypes.length) },
      (_, i) => contextTypes[i % contextTypes.length],
    );
  const usable = devices.filter(
    (device) => !avoid.has(device.id) && find(device.backend).some(({ id }) => id === device.id),
  );
  if (!usable.length) return [];
  const first = usable[0].backend;
  const others = usable.filter((device) => device.backend !== first);
  const second = (others.find((device) => device.features.graphics) ?? others[0])?.backend;
  const kinds = Array.from({ length: contextsPerWorker }, () => first);
  if (second !== undefined && contextsPerWorker > 1) kinds[1] = second;
  return kinds;
}

/**
 * What a context of a card may use: as much as is asked for, but no more than an even share of what is free.
 * @param {DeviceInfo} device
 * @param {PlanInput} input
 */
function memoryOf(device, { config }) {
  if (!isCard(device)) return config.memoryLimit;
  const free = device.memory.free * kCardShare - kProcessBytes * (workersOfCard(config) || 1);
  const share = Math.floor(free / Math.max(1, workersOfCard(config) * config.contextsPerWorker));
  return Math.max(kMinBytes, Math.min(config.memoryLimit, share));
}

/**
 * @param {PlanInput} input
 * @param {ReadonlyMap<string, Set<number>>} owners which workers own contexts on which card
 * @returns {PlannedContext[]}
 */
function planContexts(input, owners) {
  const find = (/** @type {string} */ backend) => open(input, backend, owners);
  /** @type {Record<string, number>} */
  const numbers = {};
  /** @type {PlannedContext[]} */
  const plan = [];
  const processors = input.devices.find(({ backend }) => backend === 'cpu')?.computeUnits ?? 1;
  for (const kind of chooseKinds(input, find)) {
    const devices = find(kind);
    if (!devices.length) continue;
    const n = (numbers[kind] = (numbers[kind] ?? -1) + 1);
    const device = devices[n % devices.length];
    plan.push({
      index: plan.length,
      id: `${input.workerId}-${kind}-${n}`,
      device: device.id,
      memoryLimit: memoryOf(device, input),
      // Workers that all use every processor would only take them from each other.
      ...(kind === 'cpu' ? { threads: Math.max(1, Math.floor(processors / Math.max(1, input.workers))) } : {}),
    });
  }
  return plan;
}

/** What workers are told to open, and what was learned from those that could not. */
class Placement {
  /** @type {Map<string, number>} devices that are left out, and when each is tried again */
  #avoid = new Map();
  /** @type {Map<string, number>} how often each was left out, or did not work when it was tried */
  #pauses = new Map();
  /** @type {Map<string, number>} workers that ended as they opened a device, since one has opened it */
  #failed = new Map();

  /**
   * @param {{ config: import('../../config/config').Config, log: import('../../core/log').Logger, now?: () => number }}
   *   parts
   */
  constructor(parts) {
    this.parts = parts;
  }

  get avoided() {
    return [...this.#avoid.keys()];
  }

  /** Whether a worker has ended as it opened contexts, and which of them it was is not known for sure. */
  get isSuspicious() {
    return this.#failed.size > 0;
  }

  /** @param {string} device */
  opened(device) {
    this.#failed.delete(device);
  }

  /**
   * Decides on a member's contexts.
   * @param {Member} member
   * @param {readonly Member[]} all
   */
  plan(member, all) {
    const { config, log } = this.parts;
    /** @type {Map<string, Set<number>>} */
    const owners = new Map();
    const taken = [];
    for (const other of all) {
      if (other === member || other.state === 'gone') continue;
      for (const { device, memoryLimit } of other.plan) {
        taken.push({ device, memoryLimit });
        if (!owners.has(device)) owners.set(device, new Set());
        owners.get(device)?.add(other.slot);
      }
    }
    const workers = Math.max(
      config.workers ?? 0,
      all.filter(({ state, inProcess, plan }) => state !== 'gone' && (!inProcess || plan.length)).length,
      1,
    );
    const avoid = new Set(this.#avoid.keys());
    const devices = allowedDevices(member.devices, config);
    const { workerId, node } = member;
    member.plan = planContexts({ workerId, node, devices, taken, config, workers, avoid }, owners);
    member.without = devices.map(({ id }) => id).filter((id) => avoid.has(id));
    if (!member.plan.length && !member.devices.length)
      log.error({ worker: member.workerId }, 'a worker has found no device');
  }

  /**
   * A device whose opening ends workers is left out after the second time, if there is another. When several were being
   * opened, any of them may have done it: the next worker opens them one by one.
   * @param {Member} member
   */
  failed(member) {
    const opening = member.plan.filter(({ index }) => {
      const state = kStates[member.page[contextAt(index) + inContext.state]];
      return state === 'starting' || state === 'lost';
    });
    const suspects = new Set(opening.map(({ device }) => device));
    for (const device of suspects) {
      const times = (this.#failed.get(device) ?? 0) + 1;
      this.#failed.set(device, suspects.size === 1 ? times : Math.max(1, times - 1));
    }
    const [culprit] = suspects;
    if (suspects.size === 1 && (this.#failed.get(culprit) ?? 0) >= kStartsBeforeAvoiding)
      this.#leaveOut(culprit, member);
  }

  /**
   * @param {string} device
   * @param {Member} member
   */
  #leaveOut(device, member) {
    const { config } = this.parts;
    const types = config.contextTypes;
    const hasAnother = allowedDevices(member.devices, config).some(
      ({ id, backend }) => id !== device && !this.#avoid.has(id) && (!types || types.includes(backend)),
    );
    if (this.#avoid.has(device) || !hasAnother) return;
    const pauseMs = this.#pause(device);
    this.parts.log.error(
      { device, pauseMs },
      'workers end when they open this device: it is left out, until it works when it is tried again',
    );
  }

  /**
   * @param {string} device
   * @returns {number} ms
   */
  #pause(device) {
    const times = this.#pauses.get(device) ?? 0;
    this.#pauses.set(device, times + 1);
    const pauseMs = Math.min(kLongestPauseMs, kFirstPauseMs * 2 ** times);
    this.#avoid.set(device, this.#now() + pauseMs);
    return pauseMs;
  }

  #now() {
    return (this.parts.now ?? nowMs)();
  }

  // ---- what was held against a device is tried again

  /**
   * @param {number} now
   * @returns {string[]} devices that are left out, and were long enough
   */
  due(now) {
    return this.avoided.filter((device) => /** @type {number} */ (this.#avoid.get(device)) <= now);
  }

  /** @param {string} device that did not work */
  postpone(device) {
    if (this.#avoid.has(device)) this.#pause(device);
  }

  /** @param {string} device that works again */
  readmit(device) {
    this.#avoid.delete(device);
    this.#failed.delete(device);
  }

  /**
   * Whether a member was planned without a device that is not left out any more.
   * @param {Member} member
   */
  doesWithout({ without }) {
    return without.some((device) => !this.#avoid.has(device));
  }
}

module.exports = { Placement, planContexts };
