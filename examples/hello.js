// Multiplies two matrices on the best device of this machine.
'use strict';
const gpu = require('..');

async function main() {
  const ctx = await gpu.createContext({ device: 'auto' });
  const a = gpu.tensor(new Float32Array([1, 2, 3, 4]), [2, 2]);
  const { outputs, timings } = await ctx.run({ type: 'matmul', inputs: { a, b: a } });
  console.log(outputs.output, timings);
  await ctx.close();
}

main();
