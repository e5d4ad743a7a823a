// What no message announces: members that do not move or do not start in time, and memory that
// runs out.
'use strict';
const { setInterval, clearInterval, setImmediate } = require('node:timers');
const { nowMs } = require('../../core');
const { kMissedBeats } = require('./member');

/** @typedef {import('./member').Member} Member */
/**
 * @typedef {object} WatchParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {import('./membership').Membership} membership
 * @property {import('./cluster-contexts').ClusterContexts} contexts
 * @property {import('./placement').Placement} placement
 * @property {import('./memory-tiers').MemoryTiers} memory
 * @property {(now: number) => void} onTick
 * @property {() => void} onRoom jobs that wait may find a place
 */

const kTickMs = 1000;
const kStartMs = 10000; // a worker that has no context after this long is ended

class Watch {
  #tick;
  #closed = false;

  /** @param {WatchParts} parts */
  constructor(parts) {
    this.parts = parts;
    // What they have said is read before: this process may have been blocked.
    this.#tick = setInterval(() => setImmediate(() => this.#onTick()), kTickMs);
    this.#tick.unref();
  }

  #onTick() {
    if (this.#closed) return;
    const { membership, contexts, memory } = this.parts;
    const now = nowMs();
    this.parts.onTick(now);
    for (const member of membership.workers) {
      if (!member.inProcess) this.#watchBeat(member);
      if (member.inProcess && !member.run) continue; // it only coordinates
      const starting = member.state === 'joining' || member.state === 'starting';
      if (starting && now - member.joinedAt >= kStartMs) this.#startedLate(member);
    }
    memory.look();
    if (membership.size > 1) contexts.tellAll();
  }

  /**
   * The executor's thread does not notice a blocked loop; when it does not move either, jobs there never end.
   * @param {Member} member
   */
  #watchBeat(member) {
    const { config, log, membership, contexts } = this.parts;
    const before = member.missedBeats;
    member.watchBeat();
    if (member.missedBeats >= kMissedBeats !== before >= kMissedBeats) {
      log.warn(
        { worker: member.workerId },
        member.missedBeats ? 'a worker does not answer: it gets no more jobs' : 'a worker answers again',
      );
      contexts.changed();
      this.parts.onRoom();
    }
    const timeoutMs = Math.max(kMissedBeats * kTickMs, config.contextSwitchTimeout);
    if (member.missedBeats * kTickMs < timeoutMs || !member.jobs.size) return;
    log.error(
      { worker: member.workerId, jobs: member.jobs.size },
      'a worker with jobs does not answer: its process is ended',
    );
    membership.kill(member, 'unresponsive');
  }

  /** @param {Member} member */
  #startedLate(member) {
    const { log, placement, membership, contexts } = this.parts;
    if (member.contexts.length || member.inProcess) {
      log.error(
        { worker: member.workerId, contexts: member.contexts.map(({ id }) => id) },
        'a worker could not open all of its contexts in time: it does without the others',
      );
      if (!member.inProcess && member.missedBeats < kMissedBeats) placement.failed(member);
      contexts.memberReady(member);
      return;
    }
    log.error({ worker: member.workerId }, 'a worker opened no context in time: its process is ended');
    membership.kill(member, 'start-timeout');
  }

  close() {
    this.#closed = true;
    clearInterval(this.#tick);
  }
}

module.exports = { Watch };
