// Worker threads that are terminated while their programs compile: node compiling.js <device> <rounds>
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { once } = require('node:events');

// Many functions, which take the compiler a while.
const glsl = (salt) => {
  const functions = Array.from(
    { length: 60 },
    (_, i) =>
      `float f${i}(float x) { for (uint k = 0; k < turns; ++k) x = sin(x * ${salt}.${i}) + pow(abs(x), 1.5); ` +
      'return x; }',
  );
  return `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) buffer Y { float y[]; };
layout(push_constant) uniform Params { uint turns; };
${functions.join('\n')}
void main() { float x = 1.0; ${functions.map((_, i) => `x = f${i}(x);`).join(' ')} y[gl_GlobalInvocationID.x] = x; }`;
};

async function compile() {
  const gpu = require('../../..');
  const ctx = await gpu.createContext({ device: workerData });
  const salt = Math.floor(Math.random() * 1e6);
  for (let i = 0; i < 3; ++i) ctx.compileKernel({ name: `slow${i}`, glsl: glsl(salt + i) }).catch(() => {});
  parentPort.postMessage('compiling');
}

async function main() {
  const [device, rounds] = process.argv.slice(2);
  for (let round = 0; round < Number(rounds); ++round) {
    const workers = [1, 2, 3].map(() => new Worker(__filename, { workerData: device }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    await new Promise((resolve) => {
      setTimeout(resolve, round * 20);
    });
    await Promise.all(workers.map((worker) => worker.terminate()));
    Array.from({ length: 1000 }, () => Buffer.alloc(200)); // a heap that was written to shows
  }
  await new Promise((resolve) => {
    setTimeout(resolve, 1000);
  }); // the compilers end after their threads
  console.log('alive');
}
if (isMainThread) main();
else compile();
