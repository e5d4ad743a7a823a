// What members say to the coordinator: every message is checked, then handed to the part that sees to it.
'use strict';
const { codec, protocol } = require('../wire');
const { counted } = require('../journal');
const { GPUError, plainError } = require('../../core');

/** @typedef {import('./member').Member} Member */
/** @typedef {import('../wire/messages').ToCoordinator} ToCoordinator */
/**
 * @typedef {object} InboxParts
 * @property {import('../../core/log').Logger} log
 * @property {import('./coordinator').Coordinator} coordinator
 * @property {import('./membership').Membership} membership
 * @property {import('./cluster-contexts').ClusterContexts} contexts
 * @property {import('./shared-regions').SharedRegions} regions
 * @property {import('./cluster-programs').ClusterPrograms} programs
 * @property {import('./published-tensors').PublishedTensors} published
 * @property {import('./resources').Resources} resources
 * @property {import('./follow').Follow} follow
 * @property {import('./cluster-operations').ClusterOperations} operations
 * @property {(report: import('../wire/messages').Report, member: Member) => unknown} answer what they ask beside jobs
 * @property {() => void} onJobs some have come, or ended
 */

const { kTypeAt, kNumberAt } = protocol;

class Inbox {
  /** @param {InboxParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /**
   * @param {Member} member
   * @param {import('./member').Role} role
   */
  handlers(member, role) {
    return {
      /** @type {import('../wire/channel').OnMessage} */
      onMessage: (numbers, at, length) => {
        if (role === 'ask') this.#onAsk(member, numbers, at, length);
        else this.#onRun(member, numbers, at, length);
      },
      onError: (/** @type {Error} */ error) =>
        this.parts.log.error({ reason: String(error?.stack ?? error) }, 'a message could not be handled'),
    };
  }

  /**
   * What a member's event loop says.
   * @param {Member} member
   * @param {Float64Array} numbers
   * @param {number} at
   * @param {number} length
   */
  #onAsk(member, numbers, at, length) {
    codec.checkFromMember(numbers, at, length);
    const { coordinator, membership, regions } = this.parts;
    switch (numbers[at + kTypeAt]) {
      case protocol.kAsk:
        coordinator.onAsk(member, numbers, at);
        this.parts.onJobs();
        break;
      case protocol.kCancel:
        coordinator.onCancel(member, numbers[at + kNumberAt]);
        break;
      case protocol.kCopied:
        coordinator.onCopied(member, numbers[at + kNumberAt]);
        break;
      case protocol.kRegion:
        regions.made(numbers[at + kNumberAt], member, membership.workers);
        break;
      case protocol.kDrop:
        regions.dropped(numbers[at + kNumberAt], membership.workers);
        break; // to its maker's executor, too
      default:
        this.#onWords(member, codec.decodeToCoordinator(numbers, at));
    }
  }

  /**
   * What a member's executor says: that a job is done, or what it could not take over.
   * @param {Member} member
   * @param {Float64Array} numbers
   * @param {number} at
   * @param {number} length
   */
  #onRun(member, numbers, at, length) {
    codec.checkFromExecutor(numbers, at, length);
    if (numbers[at + kTypeAt] === protocol.kLack) {
      this.parts.regions.lacking(numbers[at + kNumberAt], member);
      return;
    }
    this.parts.coordinator.onDone(member, numbers, at);
    this.parts.onJobs();
  }

  /**
   * @param {Member} member
   * @param {ToCoordinator} message
   */
  #onWords(member, message) {
    switch (message.type) {
      case 'cleanup':
        for (const other of this.parts.membership.workers) if (other !== member) other.say({ type: 'trim' });
        break;
      case 'leaving':
        this.parts.membership.onLeaving(member, message.reason);
        break;
      case 'named':
        member.named = message;
        break;
      case 'query':
        this.#onQuery(member, message);
        break;
      case 'publish':
      case 'lookup':
      case 'unpublish':
        this.parts.published.onMessage(member, message);
        break;
      case 'claim':
      case 'owned':
      case 'disowned':
      case 'standing-by':
      case 'released':
        this.parts.resources.onMessage(member, message);
        break;
      case 'device-use':
      case 'kept-results':
        this.parts.operations.onMessage(member, message);
        break;
      case 'followed':
        this.parts.follow.onAnswer(member, message);
        break;
      case 'program':
      case 'compiled':
      case 'compile-failed':
      case 'program-problems':
      case 'program-uses':
        this.parts.programs.onMessage(member, message);
        break;
      default:
        this.#onContexts(member, message);
    }
  }

  /**
   * @param {Member} member
   * @param {Extract<ToCoordinator,
   *   { type: 'devices'|'context'|'context-failed'|'context-lost'|'context-stuck'|'ready' }>} message
   */
  #onContexts(member, message) {
    const { contexts } = this.parts;
    switch (message.type) {
      case 'devices':
        member.devices = message.devices;
        member.node = message.node ?? -1;
        if (member.run) contexts.plan(member);
        break;
      case 'context':
        contexts.onReady(member, message);
        break;
      case 'context-failed':
        contexts.onFailed(member, message);
        break;
      case 'context-lost': {
        const context = member.contextAt(message.index);
        if (context) contexts.lost(context, message.message ?? 'its device was lost');
        break;
      }
      case 'context-stuck':
        contexts.stuck(member, member.contextAt(message.index));
        break;
      case 'ready':
        contexts.onOpened(member);
        break;
    }
  }

  /**
   * @param {Member} member
   * @param {import('../wire/messages').QueryMessage} message
   */
  async #onQuery(member, { id, report }) {
    try {
      const answer = await this.parts.answer(report, member);
      const message = codec.encodeToMember({ type: 'answer', id, answer });
      if (message.length > protocol.kMaxMessage) throw tooLong(answer);
      member.ask?.post(message);
    } catch (error) {
      member.say({ type: 'answer-error', id, error: plainError(error) });
    }
  }
}

/**
 * A longer message than may be ends the connection, and its worker with it.
 * @param {unknown} answer
 */
function tooLong(answer) {
  const what = Array.isArray(answer) ? `what is told of ${counted(answer.length, 'job')}` : 'the answer';
  const most = (protocol.kMaxMessage * 8) / 2 ** 20;
  return new GPUError(
    'ERR_OUT_OF_MEMORY',
    `${what} is longer than the ${most} MB that a message may have: the primary process can ask for it`,
  );
}

module.exports = { Inbox };
