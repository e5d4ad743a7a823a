// The contexts of one process: opened as the coordinator planned, checked by a self-test, and watched.
'use strict';
const { setTimeout, setInterval, clearInterval } = require('node:timers');
const { computeRank } = require('../../addon');
const { openContext, GPUContext } = require('../../context');
const { asGpuError, plainError, nowMs, isSoftware } = require('../../core');
const { statusPage } = require('../../metrics');
const { storesUse } = require('../../pressure');
const { cardUse } = require('./card-use');
const { ResidentLimit } = require('./resident-limit');
const { selfTest } = require('./self-test');

const { inPage, inContext, kStates, contextAt } = statusPage;
const {
  lastUsedLocal: kLastUsedLocal,
  localMs: kLocalMs,
  localPending: kLocalPending,
  localRun: kLocalRun,
  remotePending: kRemotePending,
  state: kState,
} = inContext;
const kReady = kStates.indexOf('ready');

/** @typedef {import('../wire/messages').PlannedContext} PlannedContext */
/**
 * @typedef {object} PoolParts
 * @property {import('../../config/config').Config} config
 * @property {Float64Array} page this member's status page
 * @property {import('../../addon/native').NativeExecutor} executor
 * @property {import('./context-registry').ContextRegistry} registry
 * @property {(message: import('../wire/messages').ToCoordinator) => void} report to the coordinator
 */

const kBeatMs = 250;
const kSelfTestMs = 20000; // how old the last self-test of an idle context may get
const kPollMs = 5;
const kNowhere = { device: '', deviceName: '', contextType: /** @type {import('../../index').Backend} */ ('cpu') };

// Contexts in which a job never ends. Their objects must not be collected, for that would wait for the job.
/** @type {Set<PoolContext>} */
const givenUp = new Set();

const kCounts = [inContext.programHits, inContext.programMisses, inContext.compileMs];

class PoolContext {
  #page;
  #at;
  #before;

  /**
   * @param {PlannedContext} plan
   * @param {Float64Array} page
   */
  constructor(plan, page) {
    this.plan = plan;
    this.index = plan.index;
    this.#page = page;
    this.#at = contextAt(plan.index);
    this.rank = Infinity;
    this.where = kNowhere;
    this.isLost = false;
    /** Set once it is open, which it is when isReady says so. @type {GPUContext} */
    this.gpu = /** @type {GPUContext} */ (/** @type {unknown} */ (undefined));
    // What was counted of the context that was in this place before still counts.
    this.#before = kCounts.map((place) => page[this.#at + place]);
    page.fill(0, this.#at, this.#at + inContext.numbers);
    kCounts.forEach((place, i) => {
      page[this.#at + place] = this.#before[i];
    });
    this.state = 'starting';
  }

  /** @param {GPUContext} gpu */
  opened(gpu) {
    this.gpu = gpu;
    this.rank = computeRank(gpu.contextType, isSoftware(gpu.device));
    this.where = { device: gpu.device.id, deviceName: gpu.device.name, contextType: gpu.contextType };
  }

  get state() {
    return kStates[this.#page[this.#at + kState]];
  }

  set state(name) {
    this.#page[this.#at + kState] = kStates.indexOf(name);
  }

  get isReady() {
    return !this.isLost && this.#page[this.#at + kState] === kReady;
  }

  get localPending() {
    return this.#page[this.#at + kLocalPending];
  }

  get remotePending() {
    return this.#page[this.#at + kRemotePending];
  }

  get selfTestAt() {
    return this.#page[this.#at + inContext.selfTest];
  }

  /** @param {number} now */
  begin(now) {
    this.#page[this.#at + kLastUsedLocal] = now;
    ++this.#page[this.#at + kLocalPending];
  }

  /**
   * What has begun goes on: the coordinator puts nothing behind it that need not wait for it.
   * @param {readonly number[]} which ms that it is estimated at, its number, `counted`, priority and deadline
   */
  goesOn(which) {
    this.#page.set(which, this.#at + kLocalMs);
  }

  /** @param {number} now */
  end(now) {
    if (--this.#page[this.#at + kLocalPending] === 0) this.#page[this.#at + kLocalMs] = 0;
    ++this.#page[this.#at + kLocalRun];
    this.#page[this.#at + kLastUsedLocal] = now;
  }

  lost() {
    this.isLost = true;
    this.state = 'lost';
  }

  passed() {
    this.#page[this.#at + inContext.selfTest] = nowMs();
  }

  /** @type {ResidentLimit|undefined} */
  #residents;

  /**
   * What may stay on its device between jobs follows how full that is.
   * @param {import('../../addon/native').NativeExecutor} executor
   */
  tend(executor) {
    if (!this.isReady || this.gpu.closed || this.gpu.contextType === 'cpu') return;
    this.#residents ??= new ResidentLimit({
      id: this.plan.id,
      read: () => this.gpu.memoryUsage,
      residentBytes: () => this.#page[this.#at + inContext.residentBytes],
      limit: (bytes, idleMs) => executor.limitResident(this.index, bytes, idleMs),
      trim: () => GPUContext.trimMemoryOf(this.gpu),
    });
    this.#residents.tend();
  }

  measure() {
    if (!this.gpu || this.gpu.closed) return;
    const { used, reserved } = this.gpu.memoryUsage;
    this.#page[this.#at + inContext.usedBytes] = used;
    this.#page[this.#at + inContext.reservedBytes] = reserved;
    const { programs, bytes, hits, misses, ms } = this.gpu.programUse;
    this.#page[this.#at + inContext.programs] = programs;
    this.#page[this.#at + inContext.programBytes] = bytes;
    [hits, misses, ms].forEach((count, i) => {
      this.#page[this.#at + kCounts[i]] = this.#before[i] + count;
    });
  }

  /** What its card does for all processes; only where NVML knows it. */
  async readCard() {
    if (this.gpu?.contextType !== 'cuda' || !this.isReady) return;
    const card = await cardUse(this.gpu.device.uuid);
    if (card) this.#page.set(card, this.#at + inContext.gpuUtilization);
  }

  /** The addon's object in it. */
  get handle() {
    return GPUContext.handleOf(this.gpu);
  }
}

class Pool {
  /** @type {(PoolContext|undefined)[]} */
  #contexts = [];
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  #lastBeat = 0;
  #cardsAt = 0;
  #checking = false;
  #closing = false;
  /** Why the last context that could not be opened was not. @type {import('../../core').GPUError|undefined} */
  failure;

  /** @param {PoolParts} parts */
  constructor({ config, page, executor, registry, report }) {
    this.config = config;
    this.page = page;
    this.executor = executor;
    this.registry = registry;
    this.report = report;
    this.#beat();
    this.#timer = setInterval(() => this.#beat(), kBeatMs);
    this.#timer.unref();
  }

  /** @returns {PoolContext[]} */
  get contexts() {
    return /** @type {PoolContext[]} */ (this.#contexts.filter(Boolean));
  }

  /**
   * Opens contexts side by side; each is reported as it becomes ready, or why it did not. Those of the CPU come first:
   * they have no driver that may take the process along. With caution one follows the other, so that the page of a
   * process that does not survive tells which it was.
   * @param {PlannedContext[]} plans
   * @param {boolean} cautious
   */
  async open(plans, cautious) {
    const isCpu = (/** @type {PlannedContext} */ { device }) => device.startsWith('cpu');
    await Promise.all(plans.filter(isCpu).map((plan) => this.#openOne(plan)));
    const others = plans.filter((plan) => !isCpu(plan));
    if (cautious) for (const plan of others) await this.#openOne(plan);
    else await Promise.all(others.map((plan) => this.#openOne(plan)));
  }

  /**
   * A new context in the place of one that was lost.
   * @param {PlannedContext} plan
   */
  async reopen(plan) {
    if (this.#closing) return;
    const old = this.#contexts[plan.index];
    this.executor.remove(plan.index);
    if (old?.gpu) await old.gpu.close();
    await this.#openOne(plan);
  }

  /**
   * @param {PlannedContext} plan
   * @returns {Promise<void>} not rejected
   */
  async #openOne(plan) {
    const context = new PoolContext(plan, this.page);
    this.#contexts[plan.index] = context;
    try {
      const gpu = await openContext(
        {
          device: /** @type {import('../../index').ContextOptions['device']} */ (plan.device),
          memoryLimit: plan.memoryLimit,
          ...(plan.threads ? { threads: plan.threads } : {}),
        },
        plan.id,
        this.config,
      );
      context.opened(gpu);
      await selfTest(gpu);
      if (this.#closing) return;
      context.passed();
      this.executor.add(plan.index, GPUContext.handleOf(gpu));
      context.state = 'ready';
      context.measure();
      this.report({ type: 'context', index: plan.index, id: plan.id, device: gpu.device });
    } catch (error) {
      context.lost();
      this.failure = asGpuError(error);
      const { index, id, device } = plan;
      this.report({ type: 'context-failed', index, id, device, error: plainError(error) });
    }
  }

  /**
   * The context of this process that should take a job without asking the coordinator: idle, and of the best kind there
   * is.
   * @param {import('./needs').Need} need
   * @param {import('../../index').JobOptions|undefined} options
   * @returns {PoolContext|undefined}
   */
  choose(need, options) {
    if (!this.config.optimizations || this.#closing) return undefined;
    if (options !== undefined && (options.affinity !== undefined || options.cache)) return undefined;
    const bestRank = this.registry.bestRankFor(need);
    const contexts = this.#contexts;
    let best,
      running = 0;
    for (let i = 0; i < contexts.length; ++i) {
      const context = contexts[i];
      if (!context?.isReady) continue;
      running += context.localPending + context.remotePending;
      if (context.remotePending || context.rank !== bestRank) continue; // its rank tells the types apart as well
      if (need.kind === 'render' && !context.gpu.device.features.graphics) continue;
      if (best === undefined || context.localPending < best.localPending) best = context;
    }
    // Its lane takes one job after the other: what can't begin at once may find a free context elsewhere.
    return best !== undefined && best.localPending === 0 && running < this.config.maxConcurrent ? best : undefined;
  }

  #beat() {
    const now = nowMs();
    this.page[inPage.loopLag] = this.#lastBeat ? Math.max(0, now - this.#lastBeat - kBeatMs) : 0;
    this.page[inPage.loopBeat] = now;
    this.#lastBeat = now;
    for (const context of this.contexts) {
      context.measure();
      context.tend(this.executor);
      if (context.isReady && context.gpu.lost) this.lose(context);
    }
    const { used, limit } = storesUse();
    this.page[inPage.storeBytes] = used;
    this.page[inPage.storeLimit] = limit;
    this.#checkOne(now);
    if (this.config.performanceMonitoring && now - this.#cardsAt >= this.config.memoryCheckInterval) {
      this.#cardsAt = now;
      for (const context of this.contexts) context.readCard().catch(() => {}); // a figure less, nothing else
    }
  }

  /**
   * Self-tests again, one context at a time, so that health speaks of the last half minute.
   * @param {number} now
   */
  #checkOne(now) {
    if (this.#checking || this.#closing) return;
    const due = this.contexts.find(
      (context) =>
        context.isReady && !context.localPending && !context.remotePending && now - context.selfTestAt > kSelfTestMs,
    );
    if (!due) return;
    this.#checking = true;
    selfTest(due.gpu)
      .then(
        () => due.passed(),
        (error) => {
          if (!this.#closing) this.lose(due, asGpuError(error).message);
        },
      )
      .finally(() => {
        this.#checking = false;
      });
  }

  /**
   * A context whose device was lost runs nothing more, and the coordinator knows.
   * @param {PoolContext} context
   * @param {string} [message]
   */
  lose(context, message) {
    if (context.isLost) return;
    context.lost();
    this.report({ type: 'context-lost', index: context.index, message });
  }

  /**
   * A job does not stop though it was told to.
   * @param {PoolContext} context
   */
  stuck(context) {
    if (!this.#closing) this.report({ type: 'context-stuck', index: context.index, id: context.plan.id });
  }

  /**
   * A job in a context of this process never ends: nothing more runs there, and nobody waits for it.
   * @param {number} index
   */
  giveUp(index) {
    const context = this.#contexts[index];
    if (!context) return;
    context.lost();
    givenUp.add(context);
  }

  /** Gives unused memory back. */
  trim() {
    for (const context of this.contexts)
      if (context.gpu && !context.gpu.closed && !givenUp.has(context)) context.gpu.trim();
  }

  /** Takes no more jobs of this process's own. */
  stop() {
    this.#closing = true;
    clearInterval(this.#timer);
  }

  /** Every context, after what runs there; those in which it does not stop are given up. */
  async close() {
    this.stop();
    const until = nowMs() + this.config.contextSwitchTimeout;
    await Promise.all(
      this.contexts.map(async (context) => {
        this.executor.remove(context.index);
        const runs = () => context.localPending + context.remotePending > 0 && !givenUp.has(context);
        while (runs() && nowMs() < until)
          await new Promise((resolve) => {
            setTimeout(resolve, kPollMs);
          });
        if (context.localPending + context.remotePending > 0 && !context.gpu?.lost) givenUp.add(context);
        context.state = 'closed';
        if (context.gpu && !givenUp.has(context)) await context.gpu.close();
      }),
    );
  }
}

module.exports = { Pool, PoolContext };
