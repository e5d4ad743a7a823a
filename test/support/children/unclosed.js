// Contexts and tensors that nobody closes: collected, also while their jobs run; and an idle one does not keep the
// process alive.
'use strict';
const gpu = require('../../..');

const [device] = process.argv.slice(2);
const vector = new Float32Array(200000).fill(1);

async function main() {
  const collected = { count: 0 };
  const registry = new FinalizationRegistry(() => ++collected.count);
  let sum = 0;
  for (let i = 0; i < 30; ++i) {
    let ctx = await gpu.createContext({ device });
    registry.register(ctx, i);
    await ctx.upload(vector);
    const job = ctx.run({ type: 'softmax', inputs: { input: vector } });
    // eslint-disable-next-line no-useless-assignment -- so that it can be collected while its job runs
    ctx = null;
    globalThis.gc();
    sum += (await job).outputs.output.data.length;
  }
  for (let i = 0; i < 50 && collected.count < 25; ++i) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  globalThis.idle = await gpu.createContext({ device });
  console.log(`sum ${sum} collected ${collected.count >= 25}`);
}
main();
