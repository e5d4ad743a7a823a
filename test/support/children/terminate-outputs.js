// Worker threads that are terminated while a job reads an output of another one: node terminate-outputs.js device
// rounds context|manager. Their outputs' memory goes with them, and is given back to the system here at once: a job
// that still reads it then ends the process.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { once } = require('node:events');
const gpu = require('../../..');

const kRows = 65536;
const kColumns = 256;
const kQueries = 512;

async function open(device, where) {
  if (where !== 'manager') return gpu.createContext({ device });
  const manager = gpu.createGPUClusterManager({ devices: [device], contextsPerWorker: 1, logLevel: 'error' });
  await manager.ready;
  return { run: (job) => manager.executeWorkload(job, { affinity: 'a' }) };
}

async function work([device, where]) {
  const context = await open(device, where);
  const data = new Float32Array(kRows * kColumns).map((_, i) => (i * 7919) % 1009);
  const made = await context.run({ type: 'scale', inputs: { input: gpu.tensor(data, [kRows, kColumns]) } });
  const base = made.outputs.output;
  const queries = gpu.tensor(base.data.slice(0, kQueries * kColumns), [kQueries, kColumns]);
  const job = context.run({ type: 'similarity-search', inputs: { queries, base }, params: { k: 1 } });
  setTimeout(() => parentPort.postMessage('under way'), 30);
  await job;
  parentPort.postMessage('too short');
}

async function main(device, rounds, where) {
  const context = await gpu.createContext({ device: 'cpu' });
  for (let round = 0; round < rounds; ++round) {
    const worker = new Worker(__filename, { workerData: [device, where] });
    const [state] = await once(worker, 'message');
    if (state !== 'under way') throw new Error(state);
    let hasEnded = false;
    const ended = worker.terminate().then(() => {
      hasEnded = true;
    });
    while (!hasEnded) {
      context.trim();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
  }
  await context.close();
  console.log('alive');
}

if (isMainThread) main(process.argv[2], Number(process.argv[3]), process.argv[4]);
else work(workerData);
