// A thread or process with jobs in flight: argv or workerData say on which device, what kind of jobs, and how it ends.
'use strict';
const { workerData, parentPort } = require('node:worker_threads');
const gpu = require('../../..');

const [device, end, wait] = workerData ?? process.argv.slice(2);

async function main() {
  const contexts = await Promise.all([1, 2].map(() => gpu.createContext({ device })));
  const side = device.startsWith('cpu') ? 700 : 200;
  const square = gpu.tensor(new Float32Array(side * side).fill(1), [side, side]);
  const vector = new Float32Array(100000).fill(2),
    small = new Float32Array(100);
  await contexts[0].run({ type: 'add', inputs: { a: small, b: small } });
  await contexts[0].upload(vector); // never released
  const flood = () =>
    contexts.forEach((ctx) => {
      for (let i = 0; i < 6; ++i) {
        ctx.run({ type: 'matmul', inputs: { a: square, b: square } }, { timeout: 60000 }).catch(() => {});
        ctx
          .run({ type: 'softmax', inputs: { input: vector } }, { into: { output: new Float32Array(100000) } })
          .catch(() => {});
        ctx.run({ type: 'add', inputs: { a: small, b: small } }).catch(() => {});
      }
      ctx.upload(vector).catch(() => {});
    });
  flood();
  const timer = setInterval(flood, 20);
  parentPort?.postMessage('busy');
  const leave = {
    exit: () => process.exit(7),
    'really-exit': () => process.reallyExit(7),
    natural: () => clearInterval(timer), // leaves when all is settled, contexts still open
    throw: () => {
      throw new Error('on purpose');
    },
    closing: () => {
      contexts.forEach((ctx) => ctx.close());
      gpu.createContext({ device });
      process.exit(7);
    },
    stay: () => {},
  }[end];
  setTimeout(leave, Number(wait));
}
main();
