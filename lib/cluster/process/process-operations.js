// What a process tells its coordinator of operations, and is told: what its jobs have taken of devices, what it keeps
// of results, whether a budget is used up, what is given up under overload.
'use strict';
const { setInterval, clearInterval } = require('node:timers');

/** @typedef {import('../wire/operation-messages').ToUser} ToUser */

const kReportMs = 1000;

class ProcessOperations {
  #requester;
  #connection;
  #timer;
  #toldKept = '';

  /**
   * @param {import('../worker').Requester} requester
   * @param {import('../worker').CoordinatorConnection} connection
   */
  constructor(requester, connection) {
    this.#requester = requester;
    this.#connection = connection;
    this.#timer = setInterval(() => this.report(), kReportMs);
    this.#timer.unref();
    requester.kept.warmUp();
  }

  /** @param {ToUser} message */
  onMessage(message) {
    if (message.type === 'spent') this.#requester.spent = message.budget;
    else if (message.type === 'degrade') this.#requester.kept.pause(message.stage !== 'none');
    else this.report(message.number);
  }

  /** @param {number} [number] of the question, which is answered even if there is nothing new */
  report(number) {
    const { use, kept, isConnected } = this.#requester;
    if (!isConnected && number === undefined) return; // whoever asks is there, and waits for it
    const tiers = kept.use();
    const told = tiers ? JSON.stringify(tiers) : '';
    if (tiers && told !== this.#toldKept) this.#connection.say({ type: 'kept-results', tiers });
    this.#toldKept = told;
    const rows = use.take();
    if (rows || number !== undefined) this.#connection.say({ type: 'device-use', rows: rows ?? [], number });
  }

  /** Results that are on their way to slower tiers are written. */
  async close() {
    clearInterval(this.#timer);
    await this.#requester.kept.close();
  }
}

module.exports = { ProcessOperations };
