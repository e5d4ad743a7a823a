// A process's own coordinator: the primary with its reports, the workers it takes in, and those it forks itself.
'use strict';
/** @type {import('node:cluster').Cluster} */
const cluster = /** @type {import('node:cluster').Cluster} */ (/** @type {unknown} */ (require('node:cluster')));
const path = require('node:path');
const { Primary, Forks, Reports } = require('../primary');
const { answerJoining } = require('../wire');
const { managerOptions, kOptionsVariable, optionsText } = require('../../config');

const kWorkerMain = path.join(__dirname, '..', 'worker-main.js');

/**
 * @typedef {object} CoordinationParts
 * @property {import('../../config/config').Config} config
 * @property {import('../../core/log').Logger} log
 * @property {import('../primary/primary').Emit} emit
 * @property {() => boolean} isDraining
 * @property {() => void} onGone a worker has gone, or one of its contexts
 * @property {() => void} onWorkers this process has workers, or is about to
 * @property {() => Promise<void>} close the whole manager, when what was given is done
 */

class Coordination {
  /** @type {(() => void)[]} to be undone at the end */
  #undo = [];
  /** @type {Forks|undefined} the workers that are forked here */
  forks;

  /** @param {CoordinationParts} parts */
  constructor(parts) {
    const { config, log, emit, isDraining, onGone } = parts;
    this.parts = parts;
    this.primary = new Primary({ config, log, emit });
    this.reports = new Reports({
      primary: this.primary,
      config,
      isDraining,
      isDegraded: () => this.forks?.degraded ?? false,
    });
    this.primary.describe = () => this.reports.contexts();
    this.primary.describeCards = () => this.reports.states();
    this.primary.answer = (report, member) => this.reports.give(report, member);
    this.primary.onGone = onGone;
    this.primary.mayReplace = ({ workerId }) =>
      this.forks !== undefined && this.forks.isOurs && this.forks.owns(workerId);
  }

  /** From here on: those that the application forks, and those that the settings want. */
  takeWorkers() {
    const { membership } = this.primary;
    const { config, onWorkers } = this.parts;
    // The workers of a process that ends on purpose end as quietly.
    const onExit = () => this.primary.close();
    process.prependListener('exit', onExit);
    this.#undo.push(() => process.removeListener('exit', onExit));
    this.#undo.push(
      answerJoining(
        (workerId, pid, hello) => {
          onWorkers();
          this.forks?.joined(workerId);
          return membership.invite(workerId, pid, hello);
        },
        (pid, signal) => membership.processEnded(pid, signal),
      ),
    );
    cluster.prependListener('fork', onWorkers);
    this.#undo.push(() => cluster.removeListener('fork', onWorkers));
    if (config.workers) this.#fork(config.workers);
    else if (Object.keys(cluster.workers ?? {}).length) onWorkers();
  }

  /** @param {number} count */
  #fork(count) {
    const { config, log, onWorkers } = this.parts;
    onWorkers();
    this.forks = new Forks({
      count,
      exec: config.exec === undefined ? kWorkerMain : path.resolve(config.exec),
      env: config.exec === undefined ? { [kOptionsVariable]: optionsText(managerOptions(config)) } : {},
      isOurs: config.exec === undefined,
      log,
      onFailedStart: () => this.primary.membership.countRestart('start'),
    });
    const onSignal = (/** @type {NodeJS.Signals} */ signal) => this.#onSignal(signal);
    for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGTERM', 'SIGINT'])) {
      process.on(signal, onSignal);
      this.#undo.push(() => process.removeListener(signal, onSignal));
    }
  }

  /**
   * Drains; then the signal does what it would have done, unless the application listens to it as well.
   * @param {NodeJS.Signals} signal
   */
  #onSignal(signal) {
    const { log, isDraining, close } = this.parts;
    const others = process.listenerCount(signal) - 1;
    if (isDraining() && !others) process.exit(signal === 'SIGINT' ? 130 : 143);
    log.info({ signal }, 'draining');
    close().finally(() => {
      if (!others) process.kill(process.pid, signal);
    });
  }

  /** Whether all workers that are forked here are ready; undefined where none are. @returns {boolean|undefined} */
  get forksReady() {
    if (!this.forks) return undefined;
    const ready = this.primary.workers.filter(({ state, slot }) => slot > 0 && state === 'ready').length;
    return ready >= this.forks.count;
  }

  /** No worker joins any more, and signals are the application's again. */
  end() {
    for (const undo of this.#undo.splice(0)) undo();
  }
}

module.exports = { Coordination, kWorkerMain };
