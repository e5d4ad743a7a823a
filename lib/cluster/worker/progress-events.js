// Tells how far jobs of many steps are: the event 'progress' of the manager that asked. Nobody is told of it where it
// happens: while somebody listens, this process looks now and then, at its own jobs itself, at others through the
// coordinator, which reads it in the status page of whoever runs them.
'use strict';
const { setInterval, clearInterval } = require('node:timers');
const { isAwaited } = require('../../call');
const { tell } = require('../../core');

/** @typedef {import('../wire/messages').Step} Step */
/**
 * @typedef {object} ProgressParts
 * @property {import('node:events').EventEmitter} emitter
 * @property {import('./requester').Requester} requester
 * @property {() => Promise<Step[]>} ask the coordinator, for the jobs that it was asked for by this process
 */

const kLookMs = 100;

class ProgressEvents {
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  /** @type {Map<number, number>} by job: the share that was told */
  #told = new Map();
  #isAsking = false;

  /** @param {ProgressParts} parts */
  constructor(parts) {
    this.parts = parts;
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

  /** @param {Step} step */
  #tell({ number, id, type, context, done, total }) {
    // It may have ended while the coordinator was asked. One that is run again, elsewhere, has been farther.
    if (!this.#timer || !isAwaited(number) || done / total <= (this.#told.get(number) ?? 0)) return;
    this.#told.set(number, done / total);
    tell(this.parts.emitter, 'progress', { workloadId: id, type, context, done, total });
  }
}

module.exports = { ProgressEvents };
