// How long the event loop of a process stands still at once, for jobs that it asks for whose plain inputs or outputs
// are large: in a process that is alone, and in a worker of a cluster.
'use strict';
const cluster = require('node:cluster');
const fs = require('node:fs');
const { createGPUClusterManager } = require('../../..');
const { sleep, now } = require('../../stats');

const kTickMs = 1;
const kRows = 50_000,
  kWidth = 384; // a base of 77 MB
const kSearches = 40,
  kAtOnce = 8;
const settings = { contextTypes: ['cpu'], contextsPerWorker: 1, logLevel: 'error' };

/** The longest time between two ticks of a timer, and the most processor time that the loop's thread took in one. */
class Ticks {
  wallMs = 0;
  cpuMs = 0;
  #last = now();
  #used = Ticks.#cpuMs();
  #timer = setInterval(() => this.#tick(), kTickMs);

  static #cpuMs() {
    return Number(fs.readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  }

  #tick() {
    const at = now(),
      used = Ticks.#cpuMs();
    this.wallMs = Math.max(this.wallMs, at - this.#last - kTickMs);
    this.cpuMs = Math.max(this.cpuMs, used - this.#used);
    this.#last = at;
    this.#used = used;
  }

  stop() {
    this.#tick();
    clearInterval(this.#timer);
    return { wallMs: this.wallMs, cpuMs: this.cpuMs };
  }
}

/** Searches in one array of the caller's own, some at a time. */
async function search(manager) {
  const base = { data: new Float32Array(kRows * kWidth), shape: [kRows, kWidth], dtype: 'float32' };
  for (let i = 0; i < base.data.length; ++i) base.data[i] = Math.sin(i);
  return async () => {
    let asked = 0;
    const lane = async () => {
      while (asked < kSearches) {
        const row = asked++;
        const query = { data: base.data.slice(row * kWidth, (row + 1) * kWidth), shape: [1, kWidth], dtype: 'float32' };
        const { outputs } = await manager.executeWorkload({
          type: 'similarity-search',
          inputs: { queries: query, base },
          params: { k: 10, metric: 'l2' },
        });
        if (outputs.indices.data[0] !== row) throw new Error(`row ${row} is not found`);
      }
    };
    await Promise.all(Array.from({ length: kAtOnce }, () => lane()));
  };
}

/** A product of a column and a row. */
async function output(manager, megabytes) {
  const side = Math.round(Math.sqrt((megabytes * 2 ** 20) / 4));
  const ones = (shape) => ({ data: new Float32Array(side).fill(1), shape, dtype: 'float32' });
  const job = { type: 'matmul', inputs: { a: ones([side, 1]), b: ones([1, side]) } };
  return async () => {
    const { outputs } = await manager.executeWorkload(job);
    if (outputs.output.data[side] !== 1) throw new Error('the product is wrong');
  };
}

/** The stalls of this process's loop. */
async function stalls({ what, megabytes, rounds }) {
  const manager = createGPUClusterManager(settings);
  await manager.ready;
  const run = await (what === 'search' ? search(manager) : output(manager, megabytes));
  const found = [];
  for (let round = 0; round < rounds; ++round) {
    await sleep(100);
    const ticks = new Ticks();
    await run();
    found.push(ticks.stop());
  }
  await manager.close();
  return found;
}

function inWorker(args) {
  cluster.setupPrimary({ exec: __filename, args: [JSON.stringify(args)] });
  const manager = createGPUClusterManager(settings);
  return new Promise((resolve, reject) => {
    const worker = cluster.fork();
    worker.on('message', (message) => {
      if (message.found) resolve(message.found);
      if (message.failed) reject(new Error(message.failed));
    });
    worker.on('exit', () => reject(new Error('the worker has ended')));
  }).finally(() => manager.close());
}

const measure = ({ where, ...args }) => (where === 'worker' ? inWorker(args) : stalls(args));

if (cluster.isWorker)
  stalls(JSON.parse(process.argv[2])).then(
    (found) => process.send({ found }),
    (error) => process.send({ failed: error.message }),
  );

module.exports = { measure };
