// What two processes take that multiply with one sealed weight of 64 MB: their proportional set size beyond their two
// thirds of it, the third being the primary's, which wrote it. Taken of a second such weight, since what a process
// keeps anyway (scratch, code) has come with the first. What the primary makes present ahead of need does not count.
// `node bench/shared-weights.js`, after the build.
'use strict';
const cluster = require('node:cluster');
const { setTimeout: sleep } = require('node:timers/promises');
const gpu = require('..');
const { proportionalBytes } = require('./proportional');

const kSide = 8192;
const kRows = [1, 16, 64];
const kWarmRounds = 8; // until V8's young generation has its size
const kMostBeyond = 2 * 1024 * 1024;

/** @param {import('..').GPUClusterManager} manager @param {string} name */
async function publishWeight(manager, name) {
  const weight = manager.sharedTensor([kSide, kSide], 'int8');
  const codes = /** @type {Int8Array} */ (weight.data);
  for (let i = 0; i < codes.length; i++) codes[i] = ((i * 31) % 255) - 127;
  await manager.publish(name, weight.seal());
  weight.release();
}

/** @type {{ input: import('..').SharedTensor, output: import('..').SharedTensor }[]} */
const calls = [];

// Made before anything is measured: what counts is the weight.
/** @param {import('..').GPUClusterManager} manager */
function makeTensors(manager) {
  for (const rows of kRows) {
    const input = manager.sharedTensor([rows, kSide]);
    const output = manager.sharedTensor([rows, kSide]);
    for (const { data } of [input, output]) data.fill(0.5);
    calls.push({ input, output });
  }
}

const scales = new Float32Array(kSide).fill(0.01);

/** @param {import('..').GPUClusterManager} manager @param {string} name */
async function useWeight(manager, name) {
  const weight = await manager.lookup(name);
  for (const { input, output } of calls)
    for (const activations of /** @type {const} */ (['float', 'int8']))
      await manager.ops.linear({ input, weight, scales }, { activations }, { into: { output } });
  return weight;
}

/** @param {cluster.Worker[]} workers @param {string} what */
const ask = (workers, what) =>
  Promise.all(
    workers.map(
      (worker) =>
        new Promise((resolve) => {
          worker.once('message', resolve);
          worker.send(what);
        }),
    ),
  );

async function primary() {
  const manager = gpu.createGPUClusterManager({ gpu: false });
  const workers = [cluster.fork(), cluster.fork()];
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  const pids = workers.map(({ process: { pid } }) => /** @type {number} */ (pid));
  const taken = async () => {
    await sleep(500);
    return pids.reduce((sum, pid) => sum + proportionalBytes(pid), 0);
  };
  // A first weight of that size warms everything that is kept: scratch, pools, code, memory made present ahead of need.
  await publishWeight(manager, 'first');
  for (let i = 0; i < kWarmRounds; i++) await ask(workers, 'first');
  const before = await taken();
  await publishWeight(manager, 'second');
  await ask(workers, 'second');
  const beyond = (await taken()) - before - (2 / 3) * kSide * kSide;
  const megabytes = (beyond / 1024 / 1024).toFixed(2);
  console.log(
    `two processes with one weight of ${kSide * kSide} bytes: ${megabytes} MB beyond their shares of one copy (most 2)`,
  );
  await manager.close();
  for (const worker of workers) worker.kill();
  process.exitCode = beyond <= kMostBeyond ? 0 : 1;
}

async function runWorker() {
  const manager = gpu.createGPUClusterManager({ gpu: false });
  await manager.ready;
  makeTensors(manager);
  /** @type {object[]} */
  const held = [];
  process.on('message', async (name) => {
    held.push(await useWeight(manager, String(name)));
    global.gc?.();
    process.send?.('done');
  });
  process.send?.('open');
}

if (cluster.isPrimary) {
  cluster.setupPrimary({ execArgv: ['--expose-gc'] });
  void primary();
} else {
  void runWorker();
}
