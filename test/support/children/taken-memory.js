// Takes the memory of inputs and targets away while jobs use it, in every way that JavaScript has, and tells how each
// job ends. With --expose-gc. Arguments: a device, then 'context', 'alone' (a manager) or 'cluster', then 'copied'
// where the runtime is to be one that can't hold memory.
'use strict';
const { once } = require('node:events');
const { Worker, MessageChannel } = require('node:worker_threads');
const gpu = require('../../..');

const [device, where, copied] = process.argv.slice(2);
if (copied) require('../../../lib/addon').native.allowHolding(false);
const kElements = 2 << 20; // 8 MB: a page fault, not another's value, where it was freed
const kWasmPage = 65536;

const leave = `const { parentPort } = require('node:worker_threads');
parentPort.once('message', (buffer) => setTimeout(() => process.exit(), 20, buffer));`;

/** @type {Record<string, (buffer: ArrayBuffer) => unknown>} */
const ways = {
  clone: (buffer) => void structuredClone(buffer, { transfer: [buffer] }),
  message: (buffer) => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(buffer, [buffer]);
    port1.close();
    port2.close();
  },
  thread: (buffer) => {
    const worker = new Worker(leave, { eval: true });
    worker.postMessage(buffer, [buffer]);
    return once(worker, 'exit');
  },
};
if (ArrayBuffer.prototype.transfer) {
  ways.transfer = (buffer) => void buffer.transfer();
  ways.shrink = (buffer) => void buffer.transfer(16);
}

const fresh = () => new Float32Array(kElements);
/** A WebAssembly memory; growing it detaches its buffer. */
function wasm() {
  const pages = (kElements * 4) / kWasmPage;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 2 * pages });
  return { data: new Float32Array(memory.buffer), take: () => void memory.grow(1) };
}

/** What was freed is used by others. */
function reuse() {
  for (let i = 0; i < 2; ++i) {
    globalThis.gc();
    fresh().fill(NaN);
  }
}

async function open() {
  if (where === 'context') return gpu.createContext({ device, threads: device.startsWith('cpu') ? 1 : undefined });
  const contextTypes = [device.split(':')[0]];
  const manager = gpu.createGPUClusterManager({
    contextTypes,
    contextsPerWorker: 1,
    logLevel: 'silent',
    ...(where === 'cluster' && { workers: 1 }),
  });
  await manager.ready;
  // by way of the coordinator
  const run = (workload, options) => manager.executeWorkload(workload, { ...options, affinity: 'a' });
  return { run, close: () => manager.close() };
}

const isRight = (data) => data.length === kElements && data.every((value) => value === 6);

/**
 * @param {{ run: Function }} context
 * @param {string} role of what is taken
 * @param {Float32Array} data
 * @param {() => unknown} take
 */
async function tryOne(context, role, data, take) {
  const input = role === 'input' ? data.fill(3) : fresh().fill(3);
  const wide = new Float32Array(512 * 512).fill(1);
  const square = { data: wide, shape: [512, 512], dtype: 'float32' };
  const before = [1, 2].map(() => context.run({ type: 'matmul', inputs: { a: square, b: square } }));
  const job = context.run(
    { type: 'scale', inputs: { input }, params: { factor: 2 } },
    role === 'target' ? { into: { output: data } } : undefined,
  );
  const ended = job.then(
    ({ outputs }) => (isRight(outputs.output.data) ? 'right' : 'wrong'),
    ({ code, argument }) => `${code} ${argument}`,
  );
  const taken = take();
  reuse();
  await taken;
  reuse();
  const outcome = await ended;
  await Promise.all(before);
  return outcome;
}

async function main() {
  const context = await open();
  const outcomes = {};
  for (const role of ['input', 'target']) {
    for (const [name, way] of Object.entries(ways)) {
      const data = fresh();
      outcomes[`${role} ${name}`] = await tryOne(context, role, data, () => way(data.buffer));
    }
    const { data, take } = wasm();
    outcomes[`${role} wasm`] = await tryOne(context, role, data, take);
  }
  console.log(JSON.stringify(outcomes));
  await context.close();
}
main();
