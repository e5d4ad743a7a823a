// Who belongs to the cluster: processes are invited, connect, leave or are ended, and are gone when their sockets are.
'use strict';
/** @type {import('node:cluster').Cluster} */
const cluster = /** @type {import('node:cluster').Cluster} */ (/** @type {unknown} */ (require('node:cluster')));
const { setTimeout } = require('node:timers');
const { native } = require('../../addon');
const { Channel, codec, protocol } = require('../wire');
const { Listener } = require('./listener');
const { Member, kMissedBeats } = require('./member');
const { statusPage } = require('../../metrics');
const { afterReading, nowMs } = require('../../core');
const { version } = require('../../../package.json');

const { inPage } = statusPage;

/** @typedef {import('./member').Role} Role */
/** @typedef {import('../wire/handshake').Invitation} Invitation */
/** @typedef {import('../wire/handshake').Refusal} Refusal */
/**
 * @typedef {object} MembershipParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {() => boolean} isClosing whether the cluster ends, and those who go are meant to
 * @property {(member: Member, role: Role) => Pick<import('../wire/channel').ChannelHandlers, 'onMessage'|'onError'>}
 *   handlers of what comes on a connection
 * @property {(member: Member, page: Float64Array) => void} onMember its status page is there
 * @property {(member: Member, role: Role) => void} onConnected by one of its two sockets
 * @property {(member: Member) => void} onLeaving it gets no more jobs
 * @property {(member: Member) => void} onLeft its contexts have ended, the process goes on
 * @property {(member: Member, expected: boolean) => void} onGone
 * @property {(member: Member) => void} onFailedStart it ended before it was ready, and a device may have done it
 */

const kMaxMembers = 254; // slots from 1 on; 0 is this process, the last is for a member that does not know its own yet
const kHalfOpenMs = 1000; // between the ends of a member's two channels
const kLeft = 'left'; // why a member goes that has said so itself, or was let go of by the application
const kReplaced = 'device-back'; // why one goes that another takes the place of
const kMisunderstood = 'protocol'; // why a member leaves that was not understood, or did not understand

const kOrderly = new Set([kLeft, kReplaced]);
// What a driver does to its process. Other signals come from outside.
const kCrashes = new Set(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS']);

class Membership {
  /** @type {Map<number, Member>} by slot */
  #members = new Map();
  /** @type {Map<number, Member>} expected or there, by process */
  #pids = new Map();
  /** @type {Map<number, Member>} by process: gone before they were ready, it is not known yet by what */
  #unjudged = new Map();
  #listener;
  /** @type {Record<string, number>} by reason */
  restarts = {};

  /** @param {MembershipParts} parts */
  constructor(parts) {
    this.parts = parts;
    this.#listener = new Listener({
      log: parts.log,
      find: (pid, slot) => {
        const member = this.#pids.get(pid);
        return member?.slot === slot ? member : undefined;
      },
      handlers: (member, role) => this.#handlers(member, role),
      onJoined: (member, role, channel) => this.#onConnected(member, role, channel),
    });
  }

  get size() {
    return this.#members.size;
  }

  /** @returns {IterableIterator<Member>} this process among them */
  all() {
    return this.#members.values();
  }

  /** @returns {Member[]} those with a process */
  get workers() {
    return [...this.#members.values()].filter(({ state }) => state !== 'gone');
  }

  /**
   * Says something to every member.
   * @param {import('../wire/messages').ToMember} message
   */
  tellAll(message) {
    const numbers = codec.encodeToMember(message);
    for (const member of this.#members.values()) member.ask?.post(numbers);
  }

  // ---- members come

  #freeSlot() {
    for (let slot = 1; slot <= kMaxMembers; ++slot) if (!this.#members.has(slot)) return slot;
    return -1;
  }

  /**
   * This process itself, which may ask and, where it is alone, run.
   * @param {number} workerId
   * @returns {{ member: Member, fd: number }} and the other end of its connection
   */
  addSelf(workerId) {
    const { maxConcurrent } = this.parts.config;
    const member = new Member({ slot: 0, workerId, pid: process.pid, inProcess: true, maxConcurrent });
    this.#members.set(0, member);
    native.setMember(0);
    const [here, there] = native.makePair();
    this.#onConnected(member, 'ask', new Channel(here, this.#handlers(member, 'ask')));
    this.parts.onMember(member, member.page);
    return { member, fd: there };
  }

  /** Lets this process run jobs: the other end of the executor's connection. */
  addOwnExecutor() {
    const member = /** @type {Member} */ (this.#members.get(0));
    const [here, there] = native.makePair();
    member.run = new Channel(here, this.#handlers(member, 'run'));
    member.state = 'starting';
    member.joinedAt = nowMs();
    return there;
  }

  /**
   * A worker has said hello over Node's own channel: what it needs to connect, or why it may not.
   * @param {number} workerId
   * @param {number} pid
   * @param {import('../wire/messages').Hello} hello
   * @returns {Invitation|Refusal}
   */
  invite(workerId, pid, hello) {
    if (hello.version !== version)
      return {
        reason:
          `the primary process runs switchyard ${version}, this worker ${hello.version}: ` +
          'install one version for both',
      };
    if (hello.protocol !== protocol.kProtocol)
      return {
        reason:
          `the primary process speaks version ${protocol.kProtocol} of the protocol, this worker ${hello.protocol}: ` +
          'install one version for both',
      };
    if (this.parts.isClosing()) return { reason: 'the cluster is being closed', code: 'ERR_CLOSED' };
    let member = this.#pids.get(pid);
    if (!member) {
      const slot = this.#freeSlot();
      if (slot < 0) return { reason: `a cluster has at most ${kMaxMembers} workers` };
      const { maxConcurrent } = this.parts.config;
      member = new Member({ slot, workerId, pid, inProcess: false, maxConcurrent });
      this.#members.set(slot, member);
      this.#pids.set(pid, member);
      this.parts.onMember(member, member.page);
    }
    return { ...this.#listener.open(), slot: member.slot };
  }

  /**
   * @param {Member} member
   * @param {Role} role
   * @returns {import('../wire/channel').ChannelHandlers}
   */
  #handlers(member, role) {
    return {
      ...this.parts.handlers(member, role),
      onEnd: () => this.#onEnd(member, role),
      onWrong: (error) => this.#expel(member, role, error),
    };
  }

  /**
   * @param {Member} member
   * @param {Role} role
   * @param {Channel} channel
   */
  #onConnected(member, role, channel) {
    member[role] = channel;
    this.parts.onConnected(member, role);
  }

  // ---- members go

  /**
   * It gets no more jobs.
   * @param {Member} member
   * @param {string} reason
   */
  leave(member, reason) {
    if (member.state === 'leaving' || member.state === 'gone') return;
    member.state = 'leaving';
    member.endReason ||= reason;
    this.parts.onLeaving(member);
  }

  /**
   * Has a worker end when the jobs that run there have, or its time is up.
   * @param {Member} member
   * @param {string} reason
   */
  dismiss(member, reason) {
    if (member.state === 'leaving' || member.state === 'gone') return;
    this.leave(member, reason);
    member.say({ type: 'end', reason });
    setTimeout(() => this.kill(member, reason), this.parts.config.contextSwitchTimeout).unref();
  }

  /**
   * @param {Member} member
   * @param {string} reason
   */
  kill(member, reason) {
    if (member.state === 'gone' || member.inProcess) return;
    member.endReason = reason;
    this.leave(member, reason);
    // Through its own object, which knows when it has ended: its number may be another process's by then.
    this.#processOf(member)?.process.kill('SIGKILL');
  }

  /** @param {Member} member */
  #processOf(member) {
    return Object.values(cluster.workers ?? {}).find((worker) => worker?.process.pid === member.pid);
  }

  /**
   * A member was not understood: the connection on which that was ends. The member closes the other one itself, once
   * its executor has stopped: only then may its jobs be given to others.
   * @param {Member} member
   * @param {Role} role
   * @param {Error} error
   */
  #expel(member, role, error) {
    this.parts.log.error(
      { worker: member.workerId, connection: role, reason: error.message },
      'a worker sent a message that is not understood: its connection is ended',
    );
    member.endReason = kMisunderstood;
    this.leave(member, kMisunderstood);
    member.run?.post(protocol.sayBye()); // its process is not to end for that
    member.say({ type: 'bye', reason: error.message });
    const channel = member[role];
    this.#onEnd(member, role);
    channel?.close();
  }

  /**
   * A member says itself that it goes.
   * @param {Member} member
   * @param {string} [reason] it did not understand the coordinator
   */
  onLeaving(member, reason) {
    if (reason !== undefined)
      this.parts.log.error(
        { worker: member.workerId, reason },
        'a worker leaves the cluster, which it does not understand',
      );
    // What was seen of it on the other connection, which may be read first, is a part of the same.
    if (member.endReason === 'exit') member.endReason = '';
    member.endReason ||= reason === undefined ? kLeft : kMisunderstood;
    this.leave(member, member.endReason);
  }

  /**
   * Node says that a worker has ended; one that had not connected yet is missed by nobody else.
   * @param {number|undefined} pid
   * @param {string|null} signal
   */
  processEnded(pid, signal) {
    if (pid === undefined) return;
    const member = this.#pids.get(pid) ?? this.#unjudged.get(pid);
    if (!member) return;
    member.signal = signal;
    if (this.#unjudged.delete(pid)) this.#judge(member);
    else if (!member.ask && !member.run) this.#gone(member);
  }

  /**
   * A process has ended before it was ready: only what a device can have done is held against one.
   * @param {Member} member
   */
  #judge(member) {
    const { endReason, signal, page, missedBeats } = member;
    if (endReason === 'start-timeout') {
      // One that was stopped as a whole was stopped from outside.
      if (missedBeats < kMissedBeats) this.parts.onFailedStart(member);
    } else if (endReason === 'device-lost') {
      this.parts.onFailedStart(member);
    } else if (signal === undefined) {
      this.#unjudged.set(member.pid, member);
    } else if (!page[inPage.exited] && (signal === null || kCrashes.has(signal))) {
      this.parts.onFailedStart(member);
    }
  }

  /**
   * A socket ends when the process has: by then none of its threads touches shared memory any more.
   * @param {Member} member
   * @param {Role} role
   */
  #onEnd(member, role) {
    member[role] = undefined;
    if (!member.ask && !member.run) {
      this.#gone(member);
      return;
    }
    this.leave(member, ''); // it may still say why, on the other one
    if (member.endReason === kLeft) {
      // its manager was closed, the process goes on
      if (role === 'ask') this.parts.onLeft(member);
      return;
    }
    const closesItself = member.endReason === kMisunderstood ? this.parts.config.contextSwitchTimeout : 0;
    afterReading(closesItself + kHalfOpenMs, () => {
      if (member.state === 'gone' || member.endReason === kLeft || (member.ask && member.run)) return;
      this.parts.log.error(
        { worker: member.workerId },
        'a worker has lost one of its two connections: its process is ended',
      );
      this.kill(member, 'crash');
    });
  }

  /** @param {Member} member */
  #gone(member) {
    if (member.state === 'gone') return;
    if (this.#processOf(member)?.exitedAfterDisconnect) member.endReason = kLeft; // it, or the primary, has said so
    // An exit that the process wanted, and nothing went wrong.
    if (member.page[inPage.exited] === 1) member.endReason ||= 'exit';
    member.endReason ||= 'crash';
    const { endReason: reason } = member;
    const expected = this.parts.isClosing() || kOrderly.has(reason);
    member.state = 'gone';
    this.#members.delete(member.slot);
    this.#pids.delete(member.pid);
    if (!expected || reason === kReplaced) this.countRestart(reason);
    if (!expected) this.parts.log.warn({ worker: member.workerId, reason }, 'a worker has ended');
    if (!expected && !member.wasReady) this.#judge(member);
    this.parts.onGone(member, expected);
  }

  /** @param {string} reason */
  countRestart(reason) {
    this.restarts[reason] = (this.restarts[reason] ?? 0) + 1;
  }

  /** Tells every member that the end is meant, and lets go of them. */
  close() {
    this.#listener.close();
    const bye = protocol.sayBye();
    for (const member of this.#members.values()) {
      member.run?.post(bye);
      member.say({ type: 'bye' });
      member.run?.close();
      member.ask?.close();
    }
  }
}

module.exports = { Membership, kReplaced };
