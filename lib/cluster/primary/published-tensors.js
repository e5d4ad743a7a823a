// Tensors that have a name: the primary holds the current version of each, so that it stays whoever else lets go of it,
// and gives a process that asks its hold before it answers. Publishing is done in the order in which it is asked for.
'use strict';
const { native } = require('../../addon');
const { holdShared, kOwnNames } = require('../../call');
const { GPUError, plainError } = require('../../core');
const { statusPage } = require('../../metrics');
const { Versions } = require('./versions');

const { inPage } = statusPage;

/** @typedef {import('./member').Member} Member */
/** @typedef {import('../wire/messages').NameMessage} NameMessage */
/** @typedef {import('../wire/messages').TensorHandle} TensorHandle */
/**
 * @typedef {object} Published
 * @property {TensorHandle} tensor
 * @property {number} version
 * @property {number} bytes
 * @property {import('../../addon/native').NativeShared} held
 */
/** @typedef {Pick<import('./membership').Membership, 'all'|'tellAll'>} Members */

/** What a tensor counts as towards a limit at least: a name takes memory, too. */
const kLeastBytes = 64 * 1024;

class PublishedTensors {
  #members;
  /** @type {Map<string, Published>} */
  #published = new Map();
  #versions = new Versions();
  #changes = 0;
  #bytes = 0;
  #counted = 0; // bytes as they count towards a limit

  /** @param {Members} members */
  constructor(members) {
    this.#members = members;
  }

  /** How many there are, and what they take. */
  get use() {
    return { count: this.#published.size, bytes: this.#bytes };
  }

  /** @param {Member} member that has a new page */
  onMember(member) {
    member.page[inPage.names] = this.#changes;
  }

  /**
   * @param {Member} member
   * @param {NameMessage} message
   */
  onMessage(member, message) {
    const { id } = message;
    try {
      member.say({ type: 'answer', id, answer: this.#answer(member, message) });
    } catch (error) {
      member.say({ type: 'answer-error', id, error: plainError(error) });
    }
  }

  /**
   * @param {Member} member
   * @param {NameMessage} message
   */
  #answer(member, message) {
    switch (message.type) {
      case 'publish':
        return (
          (message.first && this.#there(message.name)) || this.#publish(message.name, message.tensor, message.limit)
        );
      case 'lookup':
        return this.#lookup(member, message.name);
      case 'unpublish':
        return this.#unpublish(message.name);
    }
  }

  /**
   * @param {string} name
   * @param {TensorHandle} tensor which the member that publishes it holds until it has the answer
   * @param {number} [limit]
   */
  #publish(name, tensor, limit = Infinity) {
    const before = this.#published.get(name);
    // It has been announced on the same connection before, or is refused here at once.
    const { held, bytes } = holdShared(tensor, 0);
    const others = this.#counted - countedOf(before);
    if (others + countedOf({ bytes }) > limit) {
      held.release();
      throw new GPUError(
        'ERR_OUT_OF_MEMORY',
        `tensor '${name}' has ${bytes} bytes, but all that are published may take ${limit} together, and others take ` +
          `${others}: unpublish what is not needed any more`,
      );
    }
    const version = this.#versions.next(name);
    this.#published.set(name, { tensor, version, bytes, held });
    this.#counted = others + countedOf({ bytes });
    this.#bytes += bytes - (before?.bytes ?? 0);
    this.#changed(name, version);
    before?.held.release();
    return { name, version };
  }

  /** @param {string} name */
  #there(name) {
    const published = this.#published.get(name);
    return published && { name, version: published.version, wasThere: true };
  }

  /**
   * @param {Member} member
   * @param {string} name
   * @returns {import('../wire/messages').FoundTensor}
   */
  #lookup(member, name) {
    const found = this.#published.get(name);
    if (!found) throw new GPUError('ERR_NOT_FOUND', `no tensor is published as '${name}'`);
    const { tensor, version } = found;
    native.holdFor(tensor.region, tensor.block, tensor.generation, member.slot);
    return { tensor, version, change: this.#changes };
  }

  /** @param {string} name */
  #unpublish(name) {
    const before = this.#published.get(name);
    if (!before) return false;
    this.#published.delete(name);
    this.#versions.retire(name);
    this.#counted -= countedOf(before);
    this.#bytes -= before.bytes;
    this.#changed(name, 0);
    before.held.release();
    return true;
  }

  /**
   * Every process sees at once, by its page, that what it has kept may be old, and hears then what it was: whoever
   * gets the answer, and whomever that one tells, finds the new version.
   * @param {string} name
   * @param {number} version
   */
  #changed(name, version) {
    ++this.#changes;
    for (const { page } of this.#members.all()) page[inPage.names] = this.#changes;
    this.#members.tellAll({ type: 'event', name: 'tensor-published', event: { name, version } });
  }

  /**
   * A process has ended, and may have been the last that had what stands under switchyard's own names: they are taken
   * away. Who still has it gives it back.
   */
  onGone() {
    for (const name of [...this.#published.keys()]) if (name.startsWith(kOwnNames)) this.#unpublish(name);
  }

  /** The cluster ends: what others still hold stays theirs. */
  close() {
    for (const { held } of this.#published.values()) held.release();
    this.#published.clear();
    this.#bytes = this.#counted = 0;
  }
}

/** @param {{ bytes: number }|undefined} published */
function countedOf(published) {
  return published ? Math.max(published.bytes, kLeastBytes) : 0;
}

module.exports = { PublishedTensors, kLeastBytes };
