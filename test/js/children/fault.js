// The life of a context, one step a line: what became of it, 'ok', an error's code, or 'pending' after argv[3] milliseconds.
'use strict';
const fs = require('node:fs');
const gpu = require('../../..');

const [device, patienceMs] = process.argv.slice(2);

async function step(name, promise) {
  let timer;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, Number(patienceMs), 'pending'); });
  let value;
  const ended = promise.then((result) => { value = result; return 'ok'; }, (error) => error.code ?? String(error));
  const outcome = await Promise.race([ended, late]);
  clearTimeout(timer);
  fs.writeSync(1, `${name} ${outcome}\n`);  // at once: the next step may be the last
  if (outcome === 'pending') process.kill(process.pid, 'SIGKILL');
  return value;
}

async function main() {
  const ctx = await step('open', gpu.createContext({ device }));
  if (!ctx) return;
  const values = new Float32Array(40000).fill(2);  // too large to run inside the call on a CPU
  const job = { type: 'add', inputs: { a: values, b: values } };
  await step('run', ctx.run(job));
  await step('again', ctx.run(job));
  await step('close', ctx.close());
  const next = await step('reopen', gpu.createContext({ device }));
  if (next) await step('close', next.close());
}
main();
