// Resident memory over many jobs and contexts. With `leak` it keeps what it should let go: the check must notice.
'use strict';
const gpu = require('../../..');

const [device, what, count, leak] = process.argv.slice(2);
const kept = [];
// open all the time, so that the driver keeps its device: what opening one anew leaves behind is the driver's own
let ctx;
const small = new Float32Array(256).fill(1),
  large = new Float32Array(32768).fill(1);

async function jobs(n) {
  for (let i = 0; i < n; ++i) {
    const input = i % 16 ? small : large;
    const { outputs } = await ctx.run({ type: 'scale', inputs: { input }, params: { factor: 2 } });
    if (leak && i % 16 === 0) kept.push(outputs.output.data);
    if (i % 64 === 0) await ctx.run({ type: 'scal', inputs: { input } }).catch(() => {});
    if (i % 64 === 1) (await ctx.upload(large)).release();
    if (i % 64 === 2)
      await ctx.run({ type: 'softmax', inputs: { input: large } }, { timeout: 0.001 }).catch((error) => error.released);
  }
}

async function contexts(n) {
  for (let i = 0; i < n; ++i) {
    const own = await gpu.createContext({ device });
    const held = await own.upload(small);
    await own.run({ type: 'scale', inputs: { input: held }, params: { factor: 2 } });
    if (leak) kept.push(own, held);
    else await own.close();
  }
}

async function resident() {
  for (let i = 0; i < 4; ++i) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  ctx.trim(); // recycled output memory is no leak
  return process.memoryUsage.rss() / 2 ** 20;
}

async function main() {
  ctx = await gpu.createContext({ device });
  const work = { jobs, contexts }[what];
  // After one round the heaps still grow, up to 5 MB; what contexts run more seldom, for longer.
  const rounds = what === 'contexts' ? 4 : 2;
  for (let i = 0; i < rounds; ++i) await work(Number(count));
  const before = await resident();
  await work(Number(count));
  console.log(JSON.stringify({ growth: (await resident()) - before }));
  process.exit(0);
}
main();
