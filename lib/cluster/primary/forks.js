// The workers that the manager itself forks: replaced when they end, with pauses when they can't even start.
'use strict';
/** @type {import('node:cluster').Cluster} */
const cluster = /** @type {import('node:cluster').Cluster} */ (/** @type {unknown} */ (require('node:cluster')));
const { setTimeout, clearTimeout } = require('node:timers');
const { workerArgv } = require('./worker-argv');

const kQuickDeaths = 3; // in a row before a worker was ready: from then on there is a pause before the next
const kFirstPauseMs = 1000,
  kLongestPauseMs = 30000;

/** One place of the cluster, and the worker that is in it. */
class Place {
  /** @type {import('node:cluster').Worker|undefined} */
  worker;
  joined = false;
  ready = false;
  deaths = 0; // in a row, before it was ready
  /** @type {NodeJS.Timeout|undefined} */
  pause;
}

class Forks {
  /** @type {Place[]} */
  #places;
  #ended = false;

  /**
   * @param {object} parts
   * @param {number} parts.count
   * @param {string} parts.exec
   * @param {Record<string, string>} parts.env what is added to the environment of each
   * @param {boolean} parts.isOurs the workers only run jobs, so they don't keep this process alive
   * @param {import('../../core/log').Logger} parts.log
   * @param {() => void} parts.onFailedStart a worker has ended that nobody had heard of
   */
  constructor({ count, exec, env, isOurs, log, onFailedStart }) {
    this.exec = exec;
    this.env = env;
    this.isOurs = isOurs;
    this.log = log;
    this.onFailedStart = onFailedStart;
    this.#places = Array.from({ length: count }, () => new Place());
    for (const place of this.#places) this.#fork(place);
  }

  /** @param {Place} place */
  #fork(place) {
    if (this.#ended) return;
    // The application's own settings of cluster.fork() stay as they are.
    const before = { ...cluster.settings };
    const execArgv = before.execArgv ?? process.execArgv;
    cluster.setupPrimary({ ...before, exec: this.exec, args: before.args ?? [], execArgv: workerArgv(execArgv) });
    const worker = (place.worker = cluster.fork(this.env));
    place.joined = place.ready = false;
    cluster.setupPrimary({ exec: process.argv[1], execArgv, ...before });
    worker.on('error', (error) => {
      // One that leaves at the end may be through before it has heard everything.
      const level = this.#ended && worker.process.pid ? 'debug' : 'warn';
      this.log[level]({ worker: worker.id, reason: error.message }, 'a worker could not be told something');
      // it could not even be started, for example without memory
      if (!worker.process.pid) this.#onExit(place, worker, -1, '');
    });
    worker.once('exit', (code, signal) => this.#onExit(place, worker, code, signal));
  }

  /**
   * @param {Place} place
   * @param {import('node:cluster').Worker} worker
   * @param {number} code
   * @param {string} signal
   */
  #onExit(place, worker, code, signal) {
    if (place.worker !== worker) return;
    place.worker = undefined;
    if (this.#ended) return;
    if (!place.ready) ++place.deaths;
    if (!place.joined) this.onFailedStart();
    this.log.debug({ worker: worker.id, code, signal }, 'a worker process has ended');
    if (place.deaths < kQuickDeaths) {
      this.#fork(place);
      return;
    }
    const pause = Math.min(kLongestPauseMs, kFirstPauseMs * 2 ** (place.deaths - kQuickDeaths));
    this.log.error(
      { worker: worker.id, times: place.deaths, pauseMs: pause },
      'a worker ends before it is ready, again and again: the next one waits',
    );
    // Where a worker would keep this process alive, so does one that is to come.
    place.pause = setTimeout(() => this.#fork(place), pause);
    if (this.isOurs && this.#wasReady) place.pause.unref();
  }

  #wasReady = false;

  /** Nothing waits for the workers but jobs, which keep this process alive by themselves. */
  #letGo() {
    this.#wasReady = true;
    for (const { worker, pause } of this.#places) {
      pause?.unref();
      worker?.process.unref();
      worker?.process.channel?.unref();
    }
  }

  /** @param {number} workerId */
  joined(workerId) {
    const place = this.#places.find(({ worker }) => worker?.id === workerId);
    if (place) place.joined = true;
  }

  /** @param {number} workerId */
  ready(workerId) {
    const place = this.#places.find(({ worker }) => worker?.id === workerId);
    if (!place) return;
    place.ready = true;
    place.deaths = 0;
    if (this.isOurs && (this.#wasReady || this.#places.every((each) => each.ready))) this.#letGo();
  }

  /** Whether workers end before they are ready, again and again. */
  get degraded() {
    return this.#places.some(({ deaths }) => deaths >= kQuickDeaths);
  }

  get count() {
    return this.#places.length;
  }

  /** @param {number} workerId */
  owns(workerId) {
    return this.#places.some(({ worker }) => worker?.id === workerId);
  }

  /**
   * Lets the workers end; those that don't in time are ended.
   * @param {number} timeoutMs
   */
  async end(timeoutMs) {
    this.#ended = true;
    const workers = this.#places.flatMap(({ worker, pause }) => {
      clearTimeout(pause);
      return worker && !worker.isDead() ? [worker] : [];
    });
    await Promise.all(
      workers.map(
        (worker) =>
          new Promise((resolve) => {
            worker.process.ref();
            const timer = setTimeout(() => worker.process.kill('SIGKILL'), timeoutMs);
            worker.once('exit', () => {
              clearTimeout(timer);
              resolve(undefined);
            });
            if (worker.isConnected()) worker.disconnect();
          }),
      ),
    );
  }
}

module.exports = { Forks };
