// Operations of a cluster, as its primary sees them: what jobs have cost and whether they may cost more, what processes
// keep of results, alerts, and what is given up under overload.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { kTierNames, tierUse } = require('../../result-cache');
const { CostJournal, Ledger, Budgets, Alerts, Webhooks, WindowedRates, Degradation } = require('../../operations');
const { readCards, lastMinute, minuteCounts } = require('../../metrics');
const { epochMs } = require('../../core');

/** @typedef {import('./member').Member} Member */
/** @typedef {import('../../index').ResultTier} ResultTier */
/** @typedef {import('../wire/messages').EventMessage} EventMessage */
/** @typedef {Extract<import('../wire/messages').ToCoordinator, { type: 'device-use'|'kept-results' }>} UseMessage */
/**
 * @typedef {object} OperationsParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {import('../../metrics/metrics').Metrics} metrics
 * @property {(message: import('../wire/messages').ToMember) => void} tellAll
 * @property {() => readonly Member[]} members that can be spoken to
 * @property {() => { contexts: import('../../metrics/contexts').ContextState[],
 *   members: import('../../metrics/cards').MemberPage[] }} cards what is known of cards
 * @property {() => readonly import('../../pressure/tier').TierStatus[]} tiers of memory
 * @property {() => number} queueAge ms
 */

const kCollectMs = 1000; // that a process has to say what it has used

class ClusterOperations {
  #parts;
  #ledger;
  #budgets;
  #alerts;
  #webhooks;
  #minute = new WindowedRates();
  /** @type {Map<Member, ResultTier[]>} */
  #kept = new Map();
  /** @type {Map<string, { hits: number, misses: number }>} of processes that have gone, by tier */
  #keptBefore = new Map();
  /** @type {Set<(member: Member, answered: number) => void>} who waits for what members tell */
  #collecting = new Set();
  #collected = 0;
  /** @type {string|undefined} the budget that all were told of */
  #toldSpent;

  /** @param {OperationsParts} parts */
  constructor(parts) {
    const { config, log } = parts;
    this.#parts = parts;
    const { costsDir, currency } = config;
    const journal = costsDir === undefined ? undefined : new CostJournal(costsDir, log, epochMs);
    this.#ledger = new Ledger({ currency, journal });
    this.#budgets = new Budgets(
      config.budgets ?? [],
      (since) => this.#ledger.spentSince(since),
      (event) => {
        log.warn({ budget: event.name, spent: event.spent, limit: event.limit }, `a budget is ${event.state}`);
        this.#tell({ type: 'event', name: 'budget', event });
      },
    );
    this.#webhooks = new Webhooks(log);
    this.#alerts = new Alerts(config.alerts ?? [], epochMs(), (event, rule) => this.#onAlert(event, rule));
    this.degradation = new Degradation(config.overloadAge, epochMs, (stage, queueAge) => {
      log.warn({ stage, queueAge }, 'another stage of overload');
      const event = { ...this.degradation.state(), queueAge };
      this.#parts.tellAll({ type: 'degrade', stage });
      this.#tell({ type: 'event', name: 'degradation', event });
    });
    this.#look();
  }

  /** @param {EventMessage} message */
  #tell(message) {
    this.#parts.tellAll(message);
  }

  /**
   * @param {import('../../index').AlertEvent} event
   * @param {import('../../index').ResolvedAlertRule} rule
   */
  #onAlert(event, { webhook }) {
    const { name, metric, value, threshold, state } = event;
    const isRaised = state === 'firing';
    this.#parts.log[isRaised ? 'warn' : 'info'](
      { alert: name, metric, value, threshold },
      isRaised ? 'an alert is raised' : 'an alert is cleared',
    );
    this.#tell({ type: 'event', name: 'alert', event });
    if (webhook !== undefined) this.#webhooks.send(name, webhook, event);
  }

  /**
   * What a member has to know that it was not told when it happened.
   * @param {Member} member
   */
  welcome(member) {
    const { stopped } = this.#budgets;
    if (stopped) member.say({ type: 'spent', budget: stopped });
    const { stage } = this.degradation;
    if (stage !== 'none') member.say({ type: 'degrade', stage });
  }

  /**
   * Waits for what all processes have to tell, of which one may be blocked or about to end.
   * @returns {Promise<void>}
   */
  collect() {
    return new Promise((resolve) => {
      const asked = new Set(this.#parts.members());
      const number = ++this.#collected;
      const done = () => {
        clearTimeout(timer);
        this.#collecting.delete(wait);
        resolve();
      };
      const timer = setTimeout(done, kCollectMs);
      const wait = (/** @type {Member} */ member, /** @type {number} */ answered) => {
        if (answered >= number) asked.delete(member);
        if (!asked.size) done();
      };
      this.#collecting.add(wait);
      this.#parts.tellAll({ type: 'tell-use', number });
      if (!asked.size) done();
    });
  }

  /**
   * @param {Member} member
   * @param {UseMessage} message
   */
  onMessage(member, message) {
    if (message.type === 'device-use') {
      if (message.rows.length) this.#ledger.add(message.rows);
      this.#look();
      for (const wait of [...this.#collecting]) wait(member, message.number ?? 0);
    } else {
      this.#kept.set(member, message.tiers);
    }
  }

  /** @param {Member} member that has gone */
  forget(member) {
    for (const wait of [...this.#collecting]) wait(member, Infinity);
    for (const { name, hits, misses } of this.#kept.get(member) ?? []) {
      const before = this.#keptBefore.get(name) ?? { hits: 0, misses: 0 };
      this.#keptBefore.set(name, { hits: before.hits + hits, misses: before.misses + misses });
    }
    this.#kept.delete(member);
    for (const wait of [...this.#collecting]) wait(member, Infinity);
  }

  /** Whether jobs may cost more: told when that changes. */
  #look() {
    this.#budgets.look(epochMs());
    const { stopped } = this.#budgets;
    const told = stopped && `${stopped.name} ${stopped.resetsAt}`;
    if (told === this.#toldSpent) return;
    this.#toldSpent = told;
    this.#parts.tellAll(stopped ? { type: 'spent', budget: stopped } : { type: 'spent' });
  }

  /** @param {number} now about once a second */
  onTick(now) {
    this.#look();
    if (!this.#alerts.isEmpty) this.#alerts.look(this.#values(now), now, epochMs());
  }

  /**
   * @param {number} now
   * @returns {import('../../operations/alerts').Values}
   */
  #values(now) {
    const { contexts, members } = this.#parts.cards();
    const grown = this.#minute.grown(now, minuteCounts(this.#parts.metrics.merged().view));
    const queueAge = this.#parts.queueAge();
    const { errorRate, latency } = lastMinute(grown, queueAge);
    const shares = this.#parts.tiers().map(({ used, limit }) => (limit === null ? 0 : used / limit));
    const heat = [...readCards(contexts, members).values()].map(({ temperature }) => temperature);
    return {
      memory: shares.length ? Math.max(...shares) : NaN,
      queueAge,
      errorRate,
      latency,
      temperature: mostOf(heat),
      budget: this.#budgets.share,
    };
  }

  /** @returns {ResultTier[]} of all processes */
  #tiers() {
    const { resultMemory, redisUrl, cacheDir, resultDisk } = this.#parts.config;
    const configured = { memory: resultMemory > 0, redis: redisUrl !== undefined, disk: cacheDir !== undefined };
    const limits = { memory: resultMemory, redis: null, disk: resultDisk };
    return kTierNames.map((name) => {
      const counts = { ...(this.#keptBefore.get(name) ?? { hits: 0, misses: 0 }) };
      const of = [...this.#kept.values()].flatMap((tiers) => tiers.filter((tier) => tier.name === name));
      for (const { hits, misses } of of) {
        counts.hits += hits;
        counts.misses += misses;
      }
      if (!configured[name]) return tierUse(name, counts);
      const isShared = name !== 'memory';
      const sum = (/** @type {'entries'|'bytes'} */ field) => {
        const all = of.map((tier) => tier[field] ?? 0);
        return isShared ? Math.max(0, ...all) : all.reduce((a, b) => a + b, 0);
      };
      const unknown = name === 'redis';
      return tierUse(name, counts, {
        entries: unknown ? null : sum('entries'),
        bytes: unknown ? null : sum('bytes'),
        limit: name === 'memory' ? resultMemory * Math.max(1, of.length) : limits[name],
        state: of.some(({ state }) => state === 'away') ? 'away' : 'ok',
      });
    });
  }

  /** @returns {import('../../metrics/metrics').OperationsUse} */
  use() {
    return {
      resultCache: { tiers: this.#tiers() },
      costs: this.#ledger.use(this.#budgets.look(epochMs())),
      alerts: this.#alerts.states(),
      degradation: this.degradation.state(),
    };
  }

  /** @param {string} [caller] what is counted for this one alone */
  async report(caller) {
    await this.collect();
    return this.#ledger.report(this.#budgets.look(epochMs()), caller);
  }

  /** Resolves when what was reported is written. */
  close() {
    return this.#ledger.close();
  }
}

/** @param {readonly number[]} values */
function mostOf(values) {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length ? Math.max(...known) : NaN;
}

module.exports = { ClusterOperations };
