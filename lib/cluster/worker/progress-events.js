// Tells how far jobs of many steps are: the event 'progress' of the manager that asked. Nobody is told of it where it
// happens: while somebody listens, this process looks now and then, at its own jobs itself, at others through the
// coordinator, which reads it in the status page of whoever runs them.
'use strict';
const { setInterval, clearInterval } = require('node:timers');
const { isAwaited } = require('../../call');
const { nowMs, tell } = require('../../core');

/** @typedef {import('../wire/messages').Step} Step */
/**
 * @typedef {object} ProgressParts
 * @property {import('node:events').EventEmitter} emitter
 * @property {import('./requester').Requester} requester
 * @property {() => Promise<Step[]>} ask the coordinator, for the jobs that it was asked for by this process
 */

const kLookMs = 100;
const kApartMs = 90; // a timer may be early, and an answer late

class ProgressEvents {
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  /** @type {Map<number, { share: number, at: number }>} by job: the share that was told, and when, in ms */
  #told = new Map();
  #isAsking = false;

  /** @param {ProgressParts} parts */
  constructor(parts) {
    this.parts = parts;
    parts.requester.whenAgain((before, number) => this.#handOn(before, number));
  }

  /** Somebody listens. */
  begin() {
    this.#timer ??= setInterval(() => this.#look(), kLookMs).unref();
  }

  end() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#told.clear();
  }

  #look() {
    const { emitter, requester } = this.parts;
    if (!emitter.listenerCount('progress')) return this.end();
    for (const number of this.#told.keys()) if (!isAwaited(number)) this.#told.delete(number);
    for (const step of requester.steps()) this.#tell(step);
    if (requester.isAsking && !this.#isAsking) this.#askForOthers();
  }

  async #askForOthers() {
    this.#isAsking = true;
    try {
      for (const step of await this.parts.ask()) this.#tell(step);
    } catch {
      // The coordinator has gone, or is about to: the jobs themselves are told of that.
    } finally {
      this.#isAsking = false;
    }
  }

  /**
   * A job is asked for again.
   * @param {number} before its number until now
   * @param {number} number
   */
  #handOn(before, number) {
    const told = this.#told.get(before);
    if (told) this.#told.set(number, told);
  }

  /** @param {Step} step */
  #tell({ number, id, type, context, done, total }) {
    if (!this.#timer || !isAwaited(number)) return; // it may have ended while the coordinator was asked
    const now = nowMs();
    const share = done / total;
    const told = this.#told.get(number);
    // One that is run again, elsewhere, has been farther. What is asked for comes sooner or later than its turn.
    if (told && (share <= told.share || now - told.at < kApartMs)) return;
    if (share <= 0) return;
    this.#told.set(number, { share, at: now });
    tell(this.parts.emitter, 'progress', { workloadId: id, type, context, done, total });
  }
}

module.exports = { ProgressEvents };
