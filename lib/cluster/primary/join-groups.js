// Queued jobs that may be joined with each other, of whatever requester and priority: each group first in, first out.
'use strict';

/** @typedef {import('./scheduler').Job} Job */

class JoinGroup {
  /** @param {string} key */
  constructor(key) {
    this.key = key;
    this.size = 0;
    /** @type {Job|undefined} */
    this.first = undefined;
    /** @type {Job|undefined} */
    this.last = undefined;
  }
}

class JoinGroups {
  /** @type {Map<string, JoinGroup>} */
  #groups = new Map();

  /**
   * @param {Job} job
   * @param {boolean} front
   */
  enter(job, front) {
    job.q_group = job.q_joinBefore = job.q_joinAfter = undefined;
    if (job.joinKey === 0 || job.alone) return;
    const key = `${job.joinKey}|${job.contextType}|${job.affinity}|${job.excluded}`;
    let group = this.#groups.get(key);
    if (!group) this.#groups.set(key, (group = new JoinGroup(key)));
    job.q_group = group;
    ++group.size;
    if (front) {
      job.q_joinAfter = group.first;
      if (group.first) group.first.q_joinBefore = job;
      else group.last = job;
      group.first = job;
    } else {
      job.q_joinBefore = group.last;
      if (group.last) group.last.q_joinAfter = job;
      else group.first = job;
      group.last = job;
    }
  }

  /** @param {Job} job */
  leave(job) {
    const group = job.q_group;
    if (!group) return;
    const { q_joinBefore: before, q_joinAfter: after } = job;
    if (before) before.q_joinAfter = after;
    else group.first = after;
    if (after) after.q_joinBefore = before;
    else group.last = before;
    if (--group.size === 0) this.#groups.delete(group.key);
    job.q_group = job.q_joinBefore = job.q_joinAfter = undefined;
  }
}

module.exports = { JoinGroup, JoinGroups };
