// The application of worker-memory.js: a primary without contexts, two workers that load models and use them.
'use strict';
const cluster = require('node:cluster');
const { setTimeout: sleep } = require('node:timers/promises');
const gpu = require('../..');
const { proportionalBytes } = require('../proportional');
const { sentences } = require('./corpus');

const kWarmRounds = 6;
const kSettleMs = 500;

/** Loads a model, or the one that is there, and uses it: until V8's young generation and the pools have their size. */
async function useModel(manager, folder, models) {
  let model = models.get(folder);
  if (!model) models.set(folder, (model = await manager.loadModel(folder, { precision: 'float32' })));
  const texts = sentences(32);
  for (let i = 0; i < kWarmRounds; ++i) await model.embed(texts);
  return model.memory.weights;
}

function worker() {
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1, memoryLimit: '2 GB' });
  const models = new Map();
  process.on('message', async ({ folder }) => {
    if (!folder) return; // the manager's own messages come this way, too
    try {
      process.send({ answer: { weights: await useModel(manager, folder, models) } });
    } catch (error) {
      process.send({ answer: { error: error.message } });
    }
  });
  manager.ready.then(() => process.send({ answer: { ready: true } }));
}

const ask = (asked, message) =>
  new Promise((resolve, reject) => {
    const onMessage = ({ answer }) => {
      if (!answer) return;
      asked.off('message', onMessage);
      if (answer.error) reject(new Error(answer.error));
      else resolve(answer);
    };
    asked.on('message', onMessage);
    if (message) asked.send(message);
  });

async function measure({ folders: [first, second] }) {
  const manager = gpu.createGPUClusterManager({ gpu: false });
  const workers = [cluster.fork(), cluster.fork()];
  await Promise.all(workers.map((it) => ask(it)));
  const taken = async () => {
    await sleep(kSettleMs);
    return proportionalBytes(workers[1].process.pid);
  };
  for (const it of workers) await ask(it, { folder: first });
  const before = await taken();
  let weights;
  for (const it of workers) ({ weights } = await ask(it, { folder: second }));
  const grown = (await taken()) - before;
  for (const it of workers) it.kill('SIGKILL'); // measured: nothing is left to end in good order
  await manager.close({ timeout: 2000 });
  return { taken: grown, weights, beyond: grown - weights / 2 };
}

if (cluster.isPrimary) {
  process.on('message', async ({ id, args }) => {
    try {
      process.send({ id, result: await measure(args) });
    } catch (error) {
      process.send({ id, error: error.message });
    }
  });
  process.on('disconnect', () => process.exit());
} else {
  worker();
}
