// The soak itself: a primary and its workers under a mixed load, while a random worker is killed again and again.
'use strict';
const cluster = require('node:cluster');
const fs = require('node:fs');
const path = require('node:path');
const v8 = require('node:v8');
const vm = require('node:vm');
const { createGPUClusterManager } = require('../..');
const { sleep, median, round } = require('../stats');
const { Mix, baseData, kRows, kDimensions } = require('./mix');
const { Load } = require('./load');

const kTimeoutMs = 30_000; // for what was asked to settle once nothing more is asked
const kProgressMs = 10_000;
const kQuietMs = 2500; // until memory of the dead has been swept
const kWarmMs = 3000;
// What may differ between two quiet moments without being a leak: an arena more or less in each process, a worker that
// is being replaced.
const kRegionSlack = 8,
  kFdSlack = 8,
  kRssSlackMb = 64;

const sum = (reports, what) => reports.reduce((total, report) => total + (report[what] ?? 0), 0);

function addUp(reports) {
  const total = {};
  for (const report of reports)
    for (const [key, value] of Object.entries(report)) total[key] = (total[key] ?? 0) + value;
  return total;
}

function collectGarbage() {
  v8.setFlagsFromString('--expose-gc');
  vm.runInNewContext('gc')();
}

async function memory() {
  collectGarbage();
  await sleep(50);
  collectGarbage();
  const maps = fs
    .readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes('/memfd:'));
  return {
    regions: new Set(maps.map((line) => line.split(/\s+/)[4])).size,
    fds: fs.readdirSync('/proc/self/fd').length,
    rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
  };
}

// The workers' side of the books: the last report of each that was killed, the final one of each that was not.
class Requesters {
  reports = new Map();
  #stopped = new Map();
  constructor(base, lanes) {
    this.base = base;
    this.lanes = lanes;
    this.running = false;
    this.ready = new Set();
    this.onMessage = (worker, message) => {
      if (message.soak === undefined) return;
      if (message.report) this.reports.set(worker.id, message.report);
      if (message.soak === 'ready') {
        this.ready.add(worker.id);
        if (this.running) this.#start(worker);
      } else if (message.soak === 'stopped') {
        this.#stopped.get(worker.id)?.();
      }
    };
    this.onExit = (worker) => {
      this.ready.delete(worker.id);
      this.#stopped.get(worker.id)?.();
    };
    cluster.on('message', this.onMessage);
    cluster.on('exit', this.onExit);
  }
  #start(worker) {
    if (worker.isConnected()) worker.send({ soak: 'start', base: this.base.handle, lanes: this.lanes }, () => {});
  }
  start() {
    this.running = true;
    for (const id of this.ready) this.#start(cluster.workers[id]);
  }
  async stop(timeoutMs) {
    this.running = false;
    await Promise.all(
      [...this.ready].map(
        (id) =>
          new Promise((resolve) => {
            const timer = setTimeout(resolve, timeoutMs + 1000);
            this.#stopped.set(id, () => {
              clearTimeout(timer);
              resolve();
            });
            cluster.workers[id].send({ soak: 'stop', timeoutMs }, () => {});
          }),
      ),
    );
  }
  close() {
    cluster.off('message', this.onMessage);
    cluster.off('exit', this.onExit);
  }
}

class Killer {
  kills = 0;
  whileRunning = 0;
  readyMs = [];
  #waiting = [];
  #inService;
  #manager;
  #timer;
  constructor(manager) {
    this.#manager = manager;
    this.#inService = new Set(manager.contexts().map(({ workerId }) => workerId));
    manager.on('worker-ready', ({ workerId }) => {
      this.#inService.add(workerId);
      const since = this.#waiting.shift();
      if (since !== undefined) this.readyMs.push(performance.now() - since);
    });
    manager.on('worker-lost', ({ workerId }) => this.#inService.delete(workerId));
  }
  start(everyMs) {
    this.#timer = setInterval(() => this.#kill(), everyMs);
  }
  // A worker in service: one that has not started yet would be the start's failure, not the service's.
  #kill() {
    const ids = [...this.#inService],
      worker = cluster.workers[ids[Math.floor(Math.random() * ids.length)]];
    if (!worker) return;
    this.#inService.delete(worker.id);
    const running = this.#manager.contexts().some(({ workerId, state }) => workerId === worker.id && state === 'busy');
    ++this.kills;
    if (running) ++this.whileRunning;
    this.#waiting.push(performance.now());
    worker.process.kill('SIGKILL');
  }
  stop() {
    clearInterval(this.#timer);
  }
}

// options: minutes, killEvery (s, 0: never), workers, lanes (of the primary), workerLanes, contextTypes.
async function runSoak({ minutes, killEvery, workers, lanes, workerLanes, contextTypes }, say = () => {}) {
  const manager = createGPUClusterManager({
    workers,
    exec: path.join(__dirname, 'worker.js'),
    logLevel: 'error',
    ...(contextTypes ? { contextTypes } : {}),
  });
  await manager.ready;
  const base = manager.sharedTensor([kRows, kDimensions]);
  base.data.set(baseData());
  base.seal();
  const load = new Load(manager, new Mix(manager, base), 'p-'),
    requesters = new Requesters(base, workerLanes),
    killer = new Killer(manager);
  for (const worker of Object.values(cluster.workers)) requesters.onMessage(worker, { soak: 'ready' });

  say('warming up');
  load.start(lanes);
  requesters.start();
  await sleep(kWarmMs);
  await Promise.all([load.stop(kTimeoutMs), requesters.stop(kTimeoutMs)]);
  await sleep(kQuietMs);
  const before = await memory();

  const started = performance.now(),
    seconds = () => (performance.now() - started) / 1000,
    total = minutes * 60;
  const books = () => {
    const all = [load.report(), ...requesters.reports.values()];
    return {
      asked: sum(all, 'asked'),
      completed: sum(all, 'completed'),
      failed: sum(all, 'failed'),
      wrong: sum(all, 'wrong'),
      doubled: sum(all, 'doubled'),
    };
  };
  const atStart = books();
  load.start(lanes);
  requesters.start();
  if (killEvery) killer.start(killEvery * 1000);
  const progress = setInterval(() => {
    const { asked, completed, failed, wrong, doubled } = books();
    say(
      `${Math.round(seconds())} of ${Math.round(total)} s: ${asked - atStart.asked} jobs asked, ` +
        `${completed - atStart.completed} completed, ${failed} failed, ${wrong} wrong, ` +
        `${doubled} doubled; ${killer.kills} kills, ${killer.readyMs.length} replaced`,
    );
  }, kProgressMs);
  await sleep(total * 1000);
  killer.stop();
  clearInterval(progress);
  const elapsed = seconds();
  await Promise.all([load.stop(kTimeoutMs), requesters.stop(kTimeoutMs)]);
  // The last to be killed may still be on its way back.
  for (const until = Date.now() + 10_000; killer.readyMs.length < killer.kills && Date.now() < until;) await sleep(20);
  await sleep(kQuietMs);
  const after = await memory(),
    { restarts } = await manager.health();

  const ofPrimary = load.report(),
    alive = new Set(Object.keys(cluster.workers).map(Number));
  const survivors = [...requesters.reports].filter(([id]) => alive.has(id)).map(([, report]) => report);
  const killed = [...requesters.reports].filter(([id]) => !alive.has(id)).map(([, report]) => report);
  requesters.close();
  base.release();
  const closing = performance.now();
  await manager.close({ drain: false });

  const counted = [ofPrimary, ...survivors],
    every = [...counted, ...killed],
    failures = addUp(every.map((it) => it.failures));
  const unexpected = Object.entries(failures)
    .filter(([code]) => code !== 'ERR_WORKER_LOST')
    .reduce((count, [, times]) => count + times, 0);
  const grown = {
    regions: after.regions - before.regions,
    fds: after.fds - before.fds,
    rssMb: after.rssMb - before.rssMb,
  };
  const lost = sum(counted, 'open'),
    doubled = sum(every, 'doubled'),
    wrong = sum(every, 'wrong');
  const leaks = grown.regions > kRegionSlack || grown.fds > kFdSlack || grown.rssMb > kRssSlackMb;
  return {
    ok: !lost && !doubled && !wrong && !unexpected && !leaks,
    seconds: round(elapsed),
    workers,
    killEvery,
    jobs: {
      asked: sum(every, 'asked'),
      completed: sum(every, 'completed'),
      failed: sum(every, 'failed'),
      retried: sum(every, 'retried'),
      perSecond: Math.round((sum(every, 'asked') - atStart.asked) / elapsed),
      ofPrimary: ofPrimary.asked,
      ofSurvivors: sum(survivors, 'asked'),
      ofKilled: sum(killed, 'asked'),
      byType: addUp(every.map((it) => it.byType)),
    },
    lost,
    doubled,
    wrong,
    failures,
    unexpected,
    examples: every
      .flatMap((it) => it.examples)
      .concat(counted.flatMap((it) => it.openJobs.map(([id, type]) => `${id}, ${type}: never settled`)))
      .slice(0, 10),
    kills: killer.kills,
    killsWhileRunning: killer.whileRunning,
    restarts,
    readyMs: killer.readyMs.length
      ? { p50: round(median(killer.readyMs)), max: round(Math.max(...killer.readyMs)), count: killer.readyMs.length }
      : null,
    memory: { before, after, leaks },
    closeMs: round(performance.now() - closing),
  };
}

module.exports = { runSoak };
