// The life of a context, one step a line: what became of it, 'ok', an error's code, or 'pending' after argv[3]
// milliseconds.
'use strict';
const fs = require('node:fs');
const gpu = require('../../..');
const programs = require('../fault-programs');

const [device, timeoutMs, kind] = process.argv.slice(2);

async function step(name, promise) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, Number(timeoutMs), 'pending');
  });
  let value;
  const ended = promise.then(
    (result) => {
      value = result;
      return 'ok';
    },
    (error) => error.code ?? String(error),
  );
  const outcome = await Promise.race([ended, late]);
  clearTimeout(timer);
  fs.writeSync(1, `${name} ${outcome}\n`); // at once: the next step may be the last
  if (outcome === 'pending') process.kill(process.pid, 'SIGKILL');
  return value;
}

const values = new Float32Array(40000).fill(2); // too large to run inside the call on a CPU
const jobs = {
  add: () => ({ type: 'add', inputs: { a: values, b: values } }),
  kernel: async (ctx) => ({
    type: 'kernel',
    kernel: await ctx.compileKernel({ name: 'copy', glsl: programs.glsl }),
    inputs: { x: values },
    outputs: { y: { shape: [40000] } },
    params: { factor: 2 },
    threads: 40000,
  }),
  render: async (ctx) => programs.drawing(await ctx.compileShader('flat', programs.vertex, programs.fragment), 1),
};

async function main() {
  const ctx = await step('open', gpu.createContext({ device }));
  if (!ctx) return;
  const job = await jobs[kind](ctx);
  await step('run', ctx.run(job));
  await step('again', ctx.run(job));
  await step('close', ctx.close());
  const next = await step('reopen', gpu.createContext({ device }));
  if (next) await step('close', next.close());
}
main();
